//! opentelemetry/proto/trace/v1/trace.proto and its collector service.

use super::Kind::*;
use super::common::{RESOURCE, SCOPE};
use super::{Names, Schema, plain, repeated};

pub(super) static TRACES: Schema = Schema::new(
    "ExportTraceServiceRequest",
    &[repeated(1, "resource_spans", Message(&RESOURCE_SPANS))],
);

static RESOURCE_SPANS: Schema = Schema::new(
    "ResourceSpans",
    &[
        plain(1, "resource", Message(&RESOURCE)),
        repeated(2, "scope_spans", Message(&SCOPE_SPANS)),
        plain(3, "schema_url", String),
    ],
);

static SCOPE_SPANS: Schema = Schema::new(
    "ScopeSpans",
    &[
        plain(1, "scope", Message(&SCOPE)),
        repeated(2, "spans", Message(&SPAN)),
        plain(3, "schema_url", String),
    ],
);

static SPAN: Schema = Schema::new(
    "Span",
    &[
        plain(1, "trace_id", Id),
        plain(2, "span_id", Id),
        plain(3, "trace_state", String),
        plain(4, "parent_span_id", Id),
        plain(5, "name", String),
        plain(6, "kind", Enum(&SPAN_KIND)),
        plain(7, "start_time_unix_nano", Fixed64),
        plain(8, "end_time_unix_nano", Fixed64),
        repeated(9, "attributes", Attribute),
        plain(10, "dropped_attributes_count", Uint32),
        repeated(11, "events", Message(&EVENT)),
        plain(12, "dropped_events_count", Uint32),
        repeated(13, "links", Message(&LINK)),
        plain(14, "dropped_links_count", Uint32),
        plain(15, "status", Message(&STATUS)),
        plain(16, "flags", Fixed32),
    ],
);

static EVENT: Schema = Schema::new(
    "Span.Event",
    &[
        plain(1, "time_unix_nano", Fixed64),
        plain(2, "name", String),
        repeated(3, "attributes", Attribute),
        plain(4, "dropped_attributes_count", Uint32),
    ],
);

static LINK: Schema = Schema::new(
    "Span.Link",
    &[
        plain(1, "trace_id", Id),
        plain(2, "span_id", Id),
        plain(3, "trace_state", String),
        repeated(4, "attributes", Attribute),
        plain(5, "dropped_attributes_count", Uint32),
        plain(6, "flags", Fixed32),
    ],
);

static STATUS: Schema = Schema::new(
    "Status",
    &[
        plain(2, "message", String),
        plain(3, "code", Enum(&STATUS_CODE)),
    ],
);

static SPAN_KIND: Names = Names {
    prefix: "SPAN_KIND_",
    rest: &[
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ],
};

static STATUS_CODE: Names = Names {
    prefix: "STATUS_CODE_",
    rest: &["UNSET", "OK", "ERROR"],
};
