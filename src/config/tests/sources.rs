use std::time::Duration;

use super::{nothing, toml};
use crate::config::{Origin, Protocol, SyncMode, load};
use crate::otlp::Signal;

/// Scenario: neither file nor variables.
/// Guarantees: the agent runs with defaults, on loopback only, without exports.
#[test]
fn nothing_is_required() {
    let loaded = nothing().loaded();
    assert_eq!(
        loaded.settings.receive.grpc.listen.to_string(),
        "127.0.0.1:4317"
    );
    assert_eq!(
        loaded.settings.receive.http.listen.to_string(),
        "127.0.0.1:4318"
    );
    assert!(loaded.settings.export.is_empty() && loaded.file.is_none());
}

/// Scenario: the same key in the file and in the environment; another only in the file.
/// Guarantees: the environment comes after the file, key by key, and both come after the default.
#[test]
fn the_environment_comes_after_the_file() {
    let given = toml("[journal]\nsync = \"interval\"\nsync_every = \"50ms\"")
        .with_variable("LINESIDE_JOURNAL__SYNC", "memory");
    let journal = given.loaded().settings.journal;
    assert_eq!(journal.sync, SyncMode::Memory);
    assert_eq!(journal.sync_every, Duration::from_millis(50));
}

/// Scenario: an export made of variables alone, with a list, numbers and a header.
/// Guarantees: maps are addressed by name, lists take commas, header names get their hyphens.
#[test]
fn an_export_can_come_from_the_environment() {
    let given = nothing()
        .with_variable(
            "LINESIDE_EXPORT__COLLECTOR__ENDPOINT",
            "http://collector:4318",
        )
        .with_variable("LINESIDE_EXPORT__COLLECTOR__PROTOCOL", "http")
        .with_variable("LINESIDE_EXPORT__COLLECTOR__SIGNALS", "traces, logs")
        .with_variable("LINESIDE_EXPORT__COLLECTOR__CONCURRENCY", "3")
        .with_variable("LINESIDE_EXPORT__COLLECTOR__HEADERS__X_API_KEY", "0012345");
    let loaded = given.loaded();
    let export = &loaded.settings.export["collector"];
    assert_eq!((export.protocol, export.concurrency), (Protocol::Http, 3));
    assert_eq!(export.signals, [Signal::Traces, Signal::Logs]);
    assert_eq!(export.headers["x-api-key"].expose(), "0012345");
    assert_eq!(loaded.variables.len(), 5);
}

/// Scenario: the file names exports with `-` and with `_`; variables can spell only `_`.
/// Guarantees: a variable reaches the entry of the file however it is spelled; a new name gets `-`.
#[test]
fn underscores_in_variables_find_the_name_in_the_file() {
    let text = "[export.my-backup]\nendpoint = \"http://a:1\"\n[export.my_mirror]\nendpoint = \"http://b:1\"";
    let given = toml(text)
        .with_variable("LINESIDE_EXPORT__MY_BACKUP__CONCURRENCY", "2")
        .with_variable("LINESIDE_EXPORT__MY_MIRROR__CONCURRENCY", "3")
        .with_variable("LINESIDE_EXPORT__NOT_IN_FILE__ENDPOINT", "http://c:1");
    let export = given.loaded().settings.export;
    assert_eq!(export["my-backup"].concurrency, 2);
    assert_eq!(export["my_mirror"].concurrency, 3);
    assert_eq!(
        export.keys().collect::<Vec<_>>(),
        ["my-backup", "my_mirror", "not-in-file"]
    );
}

/// Scenario: a token and a name of digits only, which a guessing reader would take for numbers.
/// Guarantees: text settings keep what the variable says to the last zero.
#[test]
fn digits_in_variables_stay_text() {
    let given = nothing()
        .with_variable("LINESIDE_RECEIVE__BEARER_TOKEN", "0012345")
        .with_variable("LINESIDE_TELEMETRY__SERVICE_NAME", "1.10");
    let settings = given.loaded().settings;
    assert_eq!(settings.receive.bearer_token.unwrap().expose(), "0012345");
    assert_eq!(settings.telemetry.service_name, "1.10");
}

/// Scenario: variables that a compose file passes on empty, that Kubernetes makes for a service called lineside, and
/// that belong to the OpenTelemetry SDK.
/// Guarantees: none of them configures anything or stops the start.
#[test]
fn foreign_and_empty_variables_set_nothing() {
    let given = nothing()
        .with_variable("LINESIDE_JOURNAL__SYNC", "")
        .with_variable("LINESIDE_SERVICE_HOST", "10.0.0.1")
        .with_variable("LINESIDE_SERVICE_PORT_OTLP_GRPC", "4317")
        .with_variable("LINESIDE_PORT", "tcp://10.0.0.1:4317")
        .with_variable("LINESIDE_PORT_4317_TCP_ADDR", "10.0.0.1")
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    let loaded = given.loaded();
    assert!(loaded.variables.is_empty(), "{:?}", loaded.variables);
    assert!(loaded.settings.export.is_empty());
}

/// Scenario: the same settings in YAML, with an empty table and only comments in another file.
/// Guarantees: YAML is read like TOML, and a file that says nothing is no error.
#[test]
fn yaml_is_read_too() {
    let yaml = "api:\njournal:\n  sync: interval\nexport:\n  collector:\n    endpoint: http://collector:4317\n";
    let loaded = nothing().with_file("lineside.yaml", yaml).loaded();
    assert_eq!(loaded.settings.journal.sync, SyncMode::Interval);
    assert_eq!(loaded.settings.export["collector"].endpoint.port(), 4317);
    assert!(
        nothing()
            .with_file("lineside.yaml", "# nothing\n")
            .loaded()
            .file
            .is_some()
    );
}

/// Scenario: `--config` names a file that is missing, or one without a known ending.
/// Guarantees: a named file is never skipped in silence.
#[test]
fn a_named_file_must_exist_and_say_its_format() {
    let given = nothing().with_file("settings.ini", "");
    for (name, reason) in [
        ("missing.toml", "cannot be read"),
        ("settings.ini", "no format"),
    ] {
        let path = given.path(name);
        let errors = load(&given.sources(Some(&path))).unwrap_err().0;
        assert_eq!(errors[0].origin, Origin::File(path));
        assert!(errors[0].problem.contains(reason), "{}", errors[0]);
    }
}

/// Scenario: `--config` names one file while `lineside.toml` lies in the directory.
/// Guarantees: only the named file is read.
#[test]
fn a_named_file_takes_the_place_of_the_usual_one() {
    let given =
        toml("[journal]\nsync = \"memory\"").with_file("other.toml", "[ledger]\nservices = 7");
    let loaded = load(&given.sources(Some(&given.path("other.toml")))).unwrap();
    assert_eq!(loaded.settings.ledger.services, 7);
    assert_eq!(loaded.settings.journal.sync, SyncMode::Always);
}

/// Scenario: both a TOML and a YAML file lie in the directory.
/// Guarantees: the agent does not choose in silence.
#[test]
fn two_usual_files_are_refused() {
    let error = toml("").with_file("lineside.yaml", "").error();
    assert!(
        error.problem.contains("lineside.yaml") && error.fix.contains("--config"),
        "{error}"
    );
}

/// Scenario: a variable sets a table as a whole and another sets a part of it.
/// Guarantees: the second is reported, not lost.
#[test]
fn variables_that_contradict_each_other_are_reported() {
    let given = nothing()
        .with_variable("LINESIDE_JOURNAL", "{ sync = \"memory\" }")
        .with_variable("LINESIDE_JOURNAL__SYNC", "always");
    let error = given.error();
    assert_eq!(
        error.origin,
        Origin::Environment("LINESIDE_JOURNAL__SYNC".to_owned())
    );
}

/// Scenario: a variable spells a whole table inline.
/// Guarantees: it is read like the table in a file.
#[test]
fn a_variable_can_spell_a_table() {
    let given = nothing()
        .with_variable("LINESIDE_EXPORT__COLLECTOR__ENDPOINT", "http://c:1")
        .with_variable(
            "LINESIDE_EXPORT__COLLECTOR__BATCH",
            "{ max_bytes = \"2MiB\" }",
        );
    assert_eq!(
        given.loaded().settings.export["collector"]
            .batch
            .max_bytes
            .bytes(),
        2 << 20
    );
}

/// Scenario: a variable with one underscore where two belong.
/// Guarantees: the error names the variable that was meant.
#[test]
fn a_missing_underscore_is_pointed_out() {
    let error = nothing()
        .with_variable("LINESIDE_RECEIVE_GRPC_LISTEN", "0.0.0.0:4317")
        .error();
    assert_eq!(error.problem, "unknown key");
    assert!(
        error.fix.ends_with("LINESIDE_RECEIVE__GRPC__LISTEN"),
        "{error}"
    );
}

/// Scenario: a variable that is not UTF-8, and one whose name has an empty part.
/// Guarantees: both are reported by name.
#[test]
fn unusable_variables_are_reported() {
    use std::os::unix::ffi::OsStringExt;
    let garbage = std::ffi::OsString::from_vec(vec![0xff, 0xfe]);
    let mut sources = nothing().sources(None);
    sources.environment = [
        ("LINESIDE_DATA_DIR", garbage),
        ("LINESIDE_API__", "x".into()),
    ]
    .into_iter()
    .collect();
    let errors = load(&sources).unwrap_err().0;
    let origins: Vec<_> = errors
        .iter()
        .map(|error| error.origin.to_string())
        .collect();
    assert_eq!(
        origins,
        [
            "environment variable LINESIDE_API__",
            "environment variable LINESIDE_DATA_DIR"
        ]
    );
}
