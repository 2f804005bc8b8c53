use super::{nothing, toml};
use crate::config::Origin;

/// Scenario: errors of every kind in the file and the environment at once.
/// Guarantees: one run reports all of them, each with its key and source.
#[test]
fn all_errors_are_reported_at_once() {
    let text = r#"
        colour = "red"
        [api]
        listen = "localhost:80"
        [receive]
        max_body = "64MiB"
        header_timeout = "10"
        [journal]
        sync = "allways"
        segment_bytes = 1048576
        [export.collector]
        protocol = "grpc"
        [export.Bad]
        endpoint = "collector:4317"
        signals = ["traces", "spans"]
    "#;
    let errors = toml(text)
        .with_variable("LINESIDE_LEDGER__SERVICES", "many")
        .errors();
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    let expected = [
        "api.listen",
        "colour",
        "export.Bad.endpoint",
        "export.Bad.signals",
        "export.collector.endpoint",
        "journal.segment_bytes",
        "journal.sync",
        "ledger.services",
        "receive.header_timeout",
        "receive.max_inflated",
    ];
    assert_eq!(keys, expected);
    assert!(
        errors
            .iter()
            .all(|error| !error.problem.is_empty() && !error.fix.is_empty())
    );
}

/// Scenario: a key with a slip, in a file and in a variable; and a key like no other.
/// Guarantees: the error names the key, where it stands and the nearest known key; or all known keys.
#[test]
fn unknown_keys_name_the_nearest_known_one() {
    let error = toml("[receive]\nmax_bdoy = 1").error();
    assert_eq!(
        (error.key.as_str(), error.problem.as_str()),
        ("receive.max_bdoy", "unknown key")
    );
    assert!(matches!(&error.origin, Origin::File(path) if path.ends_with("lineside.toml")));
    assert_eq!(error.fix, "Did you mean receive.max_body?");

    let error = nothing()
        .with_variable("LINESIDE_JOURNAL__MAXBYTES", "1GiB")
        .error();
    assert_eq!(
        error.origin,
        Origin::Environment("LINESIDE_JOURNAL__MAXBYTES".to_owned())
    );
    assert_eq!(error.fix, "Did you mean journal.max_bytes?");

    let error = toml("[shutdown]\nxyz = 1").error();
    assert_eq!(error.fix, "Known keys here: drain, deadline");
}

/// Scenario: a message as a person reads it.
/// Guarantees: key, source, reason and fix stand in one line.
#[test]
fn an_error_reads_as_one_line() {
    let error = nothing()
        .with_variable("LINESIDE_JOURNAL__SYNC", "allways")
        .error();
    let line = "journal.sync (environment variable LINESIDE_JOURNAL__SYNC): \"allways\" is not known here; \
                did you mean \"always\"? Write one of always, interval, memory.";
    assert_eq!(error.to_string(), line);
}

/// Scenario: one wrong value of each type.
/// Guarantees: each is refused with a reason that fits.
#[test]
fn wrong_values_are_refused_with_a_reason() {
    let cases = [
        (
            "[receive]\nmax_body = \"16 parsecs\"",
            "receive.max_body",
            "parsecs",
        ),
        (
            "[receive]\nmax_body = \"99999999TiB\"",
            "receive.max_body",
            "16 EiB",
        ),
        (
            "[receive]\nmax_body = 0",
            "receive.max_body",
            "outside the limits",
        ),
        (
            "[receive]\nmax_connections = 0",
            "receive.max_connections",
            "outside the limits",
        ),
        (
            "[receive]\nmax_connections = 1.5",
            "receive.max_connections",
            "whole number",
        ),
        (
            "[receive]\nbody_timeout = 30",
            "receive.body_timeout",
            "no unit",
        ),
        (
            "[receive]\nbody_timeout = \"0s\"",
            "receive.body_timeout",
            "outside the limits",
        ),
        (
            "[receive.grpc]\nenabled = \"yes\"",
            "receive.grpc.enabled",
            "true or false",
        ),
        (
            "[receive.grpc]\nlisten = \":4317\"",
            "receive.grpc.listen",
            "not an IP address",
        ),
        (
            "[telemetry]\ntrace_ratio = 1.5",
            "telemetry.trace_ratio",
            "outside the limits",
        ),
        (
            "[telemetry]\ntrace_ratio = nan",
            "telemetry.trace_ratio",
            "outside the limits",
        ),
        (
            "[telemetry]\nservice_name = 5",
            "telemetry.service_name",
            "a number",
        ),
        ("[telemetry]\nlog = { a = 1 }", "telemetry.log", "a table"),
        ("journal = 5", "journal", "a number"),
        ("export = []", "export", "a list"),
        (
            "[receive.cors]\nallowed_origins = 5",
            "receive.cors.allowed_origins",
            "a number",
        ),
        ("data_dir = \"\"", "data_dir", "empty"),
    ];
    for (text, key, reason) in cases {
        let error = toml(text).error();
        assert_eq!(error.key, key);
        assert!(error.problem.contains(reason), "{error}");
    }
}

/// Scenario: TLS given without its key file.
/// Guarantees: the missing key is named, with the variable that could set it.
#[test]
fn a_required_key_that_is_missing_is_named() {
    let error = toml("[api.tls]\ncert_file = \"/nowhere\"").error();
    assert_eq!(
        (error.key.as_str(), error.problem.as_str()),
        ("api.tls.key_file", "is required and missing")
    );
    assert!(error.fix.contains("LINESIDE_API__TLS__KEY_FILE"), "{error}");
}

/// Scenario: a TOML file that does not parse.
/// Guarantees: the error gives file, line and column.
#[test]
fn a_broken_file_is_reported_with_its_line() {
    let error = toml("[api]\nlisten = oops").error();
    assert!(error.problem.contains("line 2"), "{error}");
}

/// Scenario: a value that cannot be read, of which another setting depends.
/// Guarantees: only what was written is reported, not how its stand-in compares.
#[test]
fn an_unreadable_value_causes_no_second_error() {
    let error = toml("[receive]\nmax_inflated = \"lots\"\nmax_body = \"64MiB\"").error();
    assert_eq!(error.key, "receive.max_inflated");
}
