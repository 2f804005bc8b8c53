//! opentelemetry/proto/common/v1/common.proto and resource/v1/resource.proto.

use super::Kind::*;
use super::{Schema, oneof, plain, repeated};

pub(super) static ANY_VALUE: Schema = Schema::new(
    "AnyValue",
    &[
        oneof(1, "string_value", String),
        oneof(2, "bool_value", Bool),
        oneof(3, "int_value", Int64),
        oneof(4, "double_value", Double),
        oneof(5, "array_value", Message(&ARRAY_VALUE)),
        oneof(6, "kvlist_value", Message(&KEY_VALUE_LIST)),
        oneof(7, "bytes_value", Bytes),
        oneof(8, "string_value_strindex", Int32),
    ],
);

static ARRAY_VALUE: Schema =
    Schema::new("ArrayValue", &[repeated(1, "values", Message(&ANY_VALUE))]);

static KEY_VALUE_LIST: Schema = Schema::new("KeyValueList", &[repeated(1, "values", Attribute)]);

pub(in crate::otlp) static KEY_VALUE: Schema = Schema::new(
    "KeyValue",
    &[
        plain(1, "key", String),
        plain(2, "value", Message(&ANY_VALUE)),
        plain(3, "key_strindex", Int32),
    ],
);

pub(super) static SCOPE: Schema = Schema::new(
    "InstrumentationScope",
    &[
        plain(1, "name", String),
        plain(2, "version", String),
        repeated(3, "attributes", Attribute),
        plain(4, "dropped_attributes_count", Uint32),
    ],
);

pub(super) static RESOURCE: Schema = Schema::new(
    "Resource",
    &[
        repeated(1, "attributes", Attribute),
        plain(2, "dropped_attributes_count", Uint32),
        repeated(3, "entity_refs", Message(&ENTITY_REF)),
    ],
);

static ENTITY_REF: Schema = Schema::new(
    "EntityRef",
    &[
        plain(1, "schema_url", String),
        plain(2, "type", String),
        repeated(3, "id_keys", String),
        repeated(4, "description_keys", String),
    ],
);
