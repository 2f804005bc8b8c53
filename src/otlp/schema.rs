//! The OTLP 1.x schema as tables, which the walk and the JSON reader share.
//!
//! Names, numbers and types are those of opentelemetry-proto: `common`, `resource`, `trace`,
//! `metrics`, `logs` and the collector services.

use super::Signal;

/// A message type: its fields, and what to do with each tag that may begin one.
pub(super) struct Schema {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
    steps: [Step; KEYS],
}

pub(super) struct Field {
    pub(super) number: u32,
    /// The name in the `.proto` source; JSON also spells it in lowerCamelCase.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) label: Label,
}

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Enum(&'static Names),
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    String,
    Bytes,
    /// Bytes that JSON writes in hexadecimal: a trace or span id.
    Id,
    Message(&'static Schema),
    /// A `KeyValue`, so frequent that the walk treats it apart.
    Attribute,
}

/// An enum's names in JSON: a common prefix, then the rest of the name at the index of its value.
pub(super) struct Names {
    pub(super) prefix: &'static str,
    pub(super) rest: &'static [&'static str],
}

/// Whether and how often a field may stand in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// At most once; a zero value is not written.
    Plain,
    /// At most once; a zero value is written, because absence means something else.
    Optional,
    /// As `Optional`, and at most one of the message's fields with this label may stand.
    Oneof,
    /// Any number of times; numbers are packed.
    Repeated,
}

/// What the walk does at a tag.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Nobody knows the field: read past it.
    Unknown,
    /// The field is known, and not with this wire type.
    Wrong,
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    String,
    PackedVarint,
    PackedFixed64,
    /// The index in [`Schema::fields`].
    Message(u8),
    Attribute,
}

/// Every tag of the fields 0 to 16, the highest number in OTLP.
const KEYS: usize = 17 * 8;

impl Schema {
    const fn new(name: &'static str, fields: &'static [Field]) -> Schema {
        let mut steps = [Step::Unknown; KEYS];
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            let base = field.number as usize * 8;
            let mut wire_type = 0;
            while wire_type < 6 {
                steps[base + wire_type] = field.step(wire_type, index as u8);
                wire_type += 1;
            }
            index += 1;
        }
        Schema {
            name,
            fields,
            steps,
        }
    }

    /// What to do at the tag `key`.
    #[inline(always)]
    pub(super) fn step(&self, key: u32) -> Step {
        self.steps
            .get(key as usize)
            .copied()
            .unwrap_or(Step::Unknown)
    }

    /// The field and message type that a [`Step::Message`] names.
    #[inline(always)]
    pub(super) fn child(&self, index: u8) -> Option<(u32, &'static Schema)> {
        let field = self.fields.get(usize::from(index))?;
        match field.kind {
            Kind::Message(schema) => Some((field.number, schema)),
            _ => None,
        }
    }
}

impl Field {
    const fn step(&self, wire_type: usize, index: u8) -> Step {
        let packed = matches!(self.label, Label::Repeated);
        match (wire_type, self.kind) {
            (0, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32) => Step::Varint,
            (0, Kind::Uint64 | Kind::Sint32 | Kind::Enum(_)) => Step::Varint,
            (1, Kind::Fixed64 | Kind::Sfixed64 | Kind::Double) => Step::Fixed64,
            (5, Kind::Fixed32) => Step::Fixed32,
            (2, Kind::String) => Step::String,
            (2, Kind::Bytes | Kind::Id) => Step::Bytes,
            (2, Kind::Message(_)) => Step::Message(index),
            (2, Kind::Attribute) => Step::Attribute,
            (2, Kind::Fixed64 | Kind::Double) if packed => Step::PackedFixed64,
            (2, Kind::Uint64) if packed => Step::PackedVarint,
            _ => Step::Wrong,
        }
    }
}

const fn plain(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Plain,
    }
}

const fn optional(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Optional,
    }
}

const fn oneof(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Oneof,
    }
}

const fn repeated(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Repeated,
    }
}

use Kind::*;

/// The export request of a signal.
pub(super) fn request(signal: Signal) -> &'static Schema {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

// opentelemetry/proto/common/v1/common.proto, resource/v1/resource.proto

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

pub(super) static KEY_VALUE: Schema = Schema::new(
    "KeyValue",
    &[
        plain(1, "key", String),
        plain(2, "value", Message(&ANY_VALUE)),
        plain(3, "key_strindex", Int32),
    ],
);

static SCOPE: Schema = Schema::new(
    "InstrumentationScope",
    &[
        plain(1, "name", String),
        plain(2, "version", String),
        repeated(3, "attributes", Attribute),
        plain(4, "dropped_attributes_count", Uint32),
    ],
);

static RESOURCE: Schema = Schema::new(
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

// opentelemetry/proto/trace/v1/trace.proto

static TRACES: Schema = Schema::new(
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

// opentelemetry/proto/metrics/v1/metrics.proto

static METRICS: Schema = Schema::new(
    "ExportMetricsServiceRequest",
    &[repeated(1, "resource_metrics", Message(&RESOURCE_METRICS))],
);

static RESOURCE_METRICS: Schema = Schema::new(
    "ResourceMetrics",
    &[
        plain(1, "resource", Message(&RESOURCE)),
        repeated(2, "scope_metrics", Message(&SCOPE_METRICS)),
        plain(3, "schema_url", String),
    ],
);

static SCOPE_METRICS: Schema = Schema::new(
    "ScopeMetrics",
    &[
        plain(1, "scope", Message(&SCOPE)),
        repeated(2, "metrics", Message(&METRIC)),
        plain(3, "schema_url", String),
    ],
);

static METRIC: Schema = Schema::new(
    "Metric",
    &[
        plain(1, "name", String),
        plain(2, "description", String),
        plain(3, "unit", String),
        oneof(5, "gauge", Message(&GAUGE)),
        oneof(7, "sum", Message(&SUM)),
        oneof(9, "histogram", Message(&HISTOGRAM)),
        oneof(10, "exponential_histogram", Message(&EXPONENTIAL_HISTOGRAM)),
        oneof(11, "summary", Message(&SUMMARY)),
        repeated(12, "metadata", Attribute),
    ],
);

static GAUGE: Schema = Schema::new(
    "Gauge",
    &[repeated(1, "data_points", Message(&NUMBER_POINT))],
);

static SUM: Schema = Schema::new(
    "Sum",
    &[
        repeated(1, "data_points", Message(&NUMBER_POINT)),
        plain(2, "aggregation_temporality", Enum(&TEMPORALITY)),
        plain(3, "is_monotonic", Bool),
    ],
);

static HISTOGRAM: Schema = Schema::new(
    "Histogram",
    &[
        repeated(1, "data_points", Message(&HISTOGRAM_POINT)),
        plain(2, "aggregation_temporality", Enum(&TEMPORALITY)),
    ],
);

static EXPONENTIAL_HISTOGRAM: Schema = Schema::new(
    "ExponentialHistogram",
    &[
        repeated(1, "data_points", Message(&EXPONENTIAL_POINT)),
        plain(2, "aggregation_temporality", Enum(&TEMPORALITY)),
    ],
);

static SUMMARY: Schema = Schema::new(
    "Summary",
    &[repeated(1, "data_points", Message(&SUMMARY_POINT))],
);

static NUMBER_POINT: Schema = Schema::new(
    "NumberDataPoint",
    &[
        repeated(7, "attributes", Attribute),
        plain(2, "start_time_unix_nano", Fixed64),
        plain(3, "time_unix_nano", Fixed64),
        oneof(4, "as_double", Double),
        oneof(6, "as_int", Sfixed64),
        repeated(5, "exemplars", Message(&EXEMPLAR)),
        plain(8, "flags", Uint32),
    ],
);

static HISTOGRAM_POINT: Schema = Schema::new(
    "HistogramDataPoint",
    &[
        repeated(9, "attributes", Attribute),
        plain(2, "start_time_unix_nano", Fixed64),
        plain(3, "time_unix_nano", Fixed64),
        plain(4, "count", Fixed64),
        optional(5, "sum", Double),
        repeated(6, "bucket_counts", Fixed64),
        repeated(7, "explicit_bounds", Double),
        repeated(8, "exemplars", Message(&EXEMPLAR)),
        plain(10, "flags", Uint32),
        optional(11, "min", Double),
        optional(12, "max", Double),
    ],
);

static EXPONENTIAL_POINT: Schema = Schema::new(
    "ExponentialHistogramDataPoint",
    &[
        repeated(1, "attributes", Attribute),
        plain(2, "start_time_unix_nano", Fixed64),
        plain(3, "time_unix_nano", Fixed64),
        plain(4, "count", Fixed64),
        optional(5, "sum", Double),
        plain(6, "scale", Sint32),
        plain(7, "zero_count", Fixed64),
        plain(8, "positive", Message(&BUCKETS)),
        plain(9, "negative", Message(&BUCKETS)),
        plain(10, "flags", Uint32),
        repeated(11, "exemplars", Message(&EXEMPLAR)),
        optional(12, "min", Double),
        optional(13, "max", Double),
        plain(14, "zero_threshold", Double),
    ],
);

static BUCKETS: Schema = Schema::new(
    "ExponentialHistogramDataPoint.Buckets",
    &[
        plain(1, "offset", Sint32),
        repeated(2, "bucket_counts", Uint64),
    ],
);

static SUMMARY_POINT: Schema = Schema::new(
    "SummaryDataPoint",
    &[
        repeated(7, "attributes", Attribute),
        plain(2, "start_time_unix_nano", Fixed64),
        plain(3, "time_unix_nano", Fixed64),
        plain(4, "count", Fixed64),
        plain(5, "sum", Double),
        repeated(6, "quantile_values", Message(&QUANTILE)),
        plain(8, "flags", Uint32),
    ],
);

static QUANTILE: Schema = Schema::new(
    "SummaryDataPoint.ValueAtQuantile",
    &[plain(1, "quantile", Double), plain(2, "value", Double)],
);

static EXEMPLAR: Schema = Schema::new(
    "Exemplar",
    &[
        repeated(7, "filtered_attributes", Attribute),
        plain(2, "time_unix_nano", Fixed64),
        oneof(3, "as_double", Double),
        oneof(6, "as_int", Sfixed64),
        plain(4, "span_id", Id),
        plain(5, "trace_id", Id),
    ],
);

static TEMPORALITY: Names = Names {
    prefix: "AGGREGATION_TEMPORALITY_",
    rest: &["UNSPECIFIED", "DELTA", "CUMULATIVE"],
};

// opentelemetry/proto/logs/v1/logs.proto

static LOGS: Schema = Schema::new(
    "ExportLogsServiceRequest",
    &[repeated(1, "resource_logs", Message(&RESOURCE_LOGS))],
);

static RESOURCE_LOGS: Schema = Schema::new(
    "ResourceLogs",
    &[
        plain(1, "resource", Message(&RESOURCE)),
        repeated(2, "scope_logs", Message(&SCOPE_LOGS)),
        plain(3, "schema_url", String),
    ],
);

static SCOPE_LOGS: Schema = Schema::new(
    "ScopeLogs",
    &[
        plain(1, "scope", Message(&SCOPE)),
        repeated(2, "log_records", Message(&LOG_RECORD)),
        plain(3, "schema_url", String),
    ],
);

static LOG_RECORD: Schema = Schema::new(
    "LogRecord",
    &[
        plain(1, "time_unix_nano", Fixed64),
        plain(2, "severity_number", Enum(&SEVERITY)),
        plain(3, "severity_text", String),
        plain(5, "body", Message(&ANY_VALUE)),
        repeated(6, "attributes", Attribute),
        plain(7, "dropped_attributes_count", Uint32),
        plain(8, "flags", Fixed32),
        plain(9, "trace_id", Id),
        plain(10, "span_id", Id),
        plain(11, "observed_time_unix_nano", Fixed64),
        plain(12, "event_name", String),
    ],
);

static SEVERITY: Names = Names {
    prefix: "SEVERITY_NUMBER_",
    rest: &[
        "UNSPECIFIED",
        "TRACE",
        "TRACE2",
        "TRACE3",
        "TRACE4",
        "DEBUG",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "INFO",
        "INFO2",
        "INFO3",
        "INFO4",
        "WARN",
        "WARN2",
        "WARN3",
        "WARN4",
        "ERROR",
        "ERROR2",
        "ERROR3",
        "ERROR4",
        "FATAL",
        "FATAL2",
        "FATAL3",
        "FATAL4",
    ],
};
