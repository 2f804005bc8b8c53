//! opentelemetry/proto/logs/v1/logs.proto and its collector service.

use super::Kind::*;
use super::common::{ANY_VALUE, RESOURCE, SCOPE};
use super::{Names, Schema, plain, repeated};

pub(super) static LOGS: Schema = Schema::new(
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
