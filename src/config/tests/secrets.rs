use super::{nothing, toml};
use crate::config::Secret;

/// What must never be seen.
const CANARY: &str = "canary-5f3a9c";

/// Scenario: a secret in each of its three spellings; the file ends with a newline.
/// Guarantees: all give the same value.
#[test]
fn a_secret_comes_from_text_environment_or_file() {
    let given = nothing().with_file("token", &format!("{CANARY}\n"));
    let file = format!("{{ file = \"{}\" }}", given.path("token").display());
    for spelling in [
        format!("\"{CANARY}\""),
        "{ env = \"TOKEN\" }".to_owned(),
        file.clone(),
    ] {
        let loaded = toml(&format!("[receive]\nbearer_token = {spelling}"))
            .with_variable("TOKEN", CANARY)
            .loaded();
        assert_eq!(
            loaded.settings.receive.bearer_token.unwrap().expose(),
            CANARY
        );
    }
    let inline = given
        .with_variable("LINESIDE_RECEIVE__BEARER_TOKEN", &file)
        .loaded();
    assert_eq!(
        inline.settings.receive.bearer_token.unwrap().expose(),
        CANARY
    );
}

/// Scenario: a variable, and a text in the file, hold a token that looks like a table but names no source.
/// Guarantees: it is taken as it is.
#[test]
fn a_token_that_looks_like_a_table_is_a_token() {
    for token in ["{id=7}", "{}", "{\"env\":\"x\"}"] {
        let variable = nothing().with_variable("LINESIDE_RECEIVE__BEARER_TOKEN", token);
        let file = toml(&format!("[receive]\nbearer_token = '{token}'"));
        for given in [variable, file] {
            let settings = given.loaded().settings;
            assert_eq!(settings.receive.bearer_token.unwrap().expose(), token);
        }
    }
}

/// Scenario: secrets that cannot be resolved.
/// Guarantees: the error says which variable or file; nothing falls back to "no secret".
#[test]
fn a_secret_that_cannot_be_resolved_is_an_error() {
    let cases = [
        ("{ env = \"NOT_SET\" }", "NOT_SET"),
        ("{ file = \"/nowhere\" }", "/nowhere"),
        ("{ file = \"/dev/zero\" }", "regular file"),
        ("{ env = \"A\", file = \"b\" }", "one source"),
        ("{ vault = \"x\" }", "one source"),
        ("{}", "one source"),
        ("\"\"", "empty"),
        ("12345", "a number"),
    ];
    for (spelling, reason) in cases {
        let error = toml(&format!("[receive]\nbearer_token = {spelling}")).error();
        assert_eq!(error.key, "receive.bearer_token");
        assert!(error.problem.contains(reason), "{error}");
    }
}

/// Scenario: valid settings full of secrets are reported and printed.
/// Guarantees: the canary appears in neither.
#[test]
fn valid_secrets_are_never_shown() {
    let text = format!(
        "[receive]\nbearer_token = \"{CANARY}\"\n[export.a]\nendpoint = \"http://c:1\"\nheaders = {{ x = \"{CANARY}\", y = {{ env = \"Y\" }} }}"
    );
    let given = toml(&text)
        .with_variable("Y", CANARY)
        .with_variable("LINESIDE_EXPORT__A__HEADERS__Z", CANARY);
    let loaded = given.loaded();
    assert!(loaded.settings.export["a"].headers.len() == 3);
    let shown = format!(
        "{}{loaded:?}{loaded:#?}{:?}",
        given.report(),
        given.sources(None)
    );
    assert!(shown.contains("✓ configuration is valid") && shown.contains("[secret]"));
    assert!(!shown.contains(CANARY), "{shown}");
}

/// Scenario: every way to get a secret wrong: illegal characters, wrong type, wrong place, a file that does not parse.
/// Guarantees: no error repeats it.
#[test]
fn errors_never_show_secrets() {
    for text in [
        format!("[receive]\nbearer_token = \"{CANARY} x\""),
        format!("[receive]\nbearer_token = [\"{CANARY}\"]"),
        format!("[receive]\nbearer_token = {{ token = \"{CANARY}\" }}"),
        format!("[receive]\nbearer_token = \"{CANARY}"),
        format!("[receive]\nbearer_token = {CANARY}"),
        format!("[receive]\nbearer_token = \"{CANARY}\" trailing"),
        format!("[export.a]\nendpoint = \"http://user:{CANARY}@c:1\""),
        format!("[export.a]\nendpoint = \"http://c:1/?key={CANARY}\""),
        format!("[export.a]\nendpoint = \"https://c:1\"\nheaders = {{ x = \"{CANARY}\\u0007\" }}"),
        format!("[export.a]\nendpoint = \"https://c:1\"\nheaders = \"x={CANARY}\""),
    ] {
        let report = toml(&text).report();
        assert!(
            report.contains('✗') && !report.contains(CANARY),
            "{text}\n{report}"
        );
    }
    for yaml in [
        format!("\"{CANARY}\""),
        format!("- {CANARY}"),
        format!("receive: {{ bearer_token: \"{CANARY}"),
        CANARY.to_owned(),
    ] {
        let report = nothing().with_file("lineside.yaml", &yaml).report();
        assert!(
            report.contains('✗') && !report.contains(CANARY),
            "{yaml}\n{report}"
        );
    }
}

/// Scenario: a secret is printed, formatted and serialized.
/// Guarantees: only `expose` gives the value.
#[test]
fn a_secret_prints_as_a_placeholder() {
    let secret = Secret::new(CANARY);
    let shown = format!(
        "{secret} {secret:?} {secret:#?} {}",
        serde_json::to_string(&secret).unwrap()
    );
    assert_eq!(shown, "[secret] [secret] [secret] \"[secret]\"");
    assert_eq!(secret.expose(), CANARY);
}
