//! opentelemetry/proto/metrics/v1/metrics.proto and its collector service.

use super::Kind::*;
use super::common::{RESOURCE, SCOPE};
use super::{Names, Schema, oneof, optional, plain, repeated};

pub(super) static METRICS: Schema = Schema::new(
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
