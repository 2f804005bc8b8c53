use super::{nothing, toml};

const EXPORT: &str = "[export.a]\nendpoint = \"https://collector:4317\"\n";

/// Scenario: settings that are legal one by one but contradict each other or the machine.
/// Guarantees: each contradiction is an error at the key to change.
#[test]
fn settings_must_agree() {
    let cases = [
        ("[receive]\nmax_body = \"33MiB\"", "receive.max_inflated"),
        (
            "[receive]\nin_flight_bytes = \"31MiB\"",
            "receive.in_flight_bytes",
        ),
        (
            "[journal]\nsegment_bytes = \"63MiB\"",
            "journal.segment_bytes",
        ),
        ("[journal]\nmax_bytes = \"191MiB\"", "journal.max_bytes"),
        (
            "[journal]\nsync = \"memory\"\nmemory_bytes = \"31MiB\"",
            "journal.memory_bytes",
        ),
        ("[shutdown]\ndrain = \"31s\"", "shutdown.deadline"),
        ("[api]\nlisten = \"127.0.0.1:4317\"", "receive.grpc.listen"),
        (
            "[receive.http]\nlisten = \"0.0.0.0:4317\"",
            "receive.http.listen",
        ),
        ("[telemetry]\nlog = \"inof\"", "telemetry.log"),
        ("[telemetry]\nlog = \"a=b=c\"", "telemetry.log"),
        (
            "[telemetry]\nservice_name = \" \"",
            "telemetry.service_name",
        ),
        (
            "[receive]\nbearer_token = \"two words\"",
            "receive.bearer_token",
        ),
        ("[api]\ntoken = \"Bearer x\"", "api.token"),
        (
            "[receive.cors]\nallowed_origins = [\"https://shop.example/\"]",
            "receive.cors.allowed_origins",
        ),
        (
            "[receive.cors]\nallowed_headers = [\"x y\"]",
            "receive.cors.allowed_headers",
        ),
        ("data_dir = \"/dev/null\"", "data_dir"),
        (
            "[series.spans]\nbuckets = [\"1s\", \"1s\"]",
            "series.spans.buckets",
        ),
        (
            "[series.spans]\nbuckets = [\"0s\", \"1s\"]",
            "series.spans.buckets",
        ),
        ("[series.spans]\nbuckets = []", "series.spans.buckets"),
        (
            "[series.spans]\ndimensions = [\"a\", \"b\", \"a\"]",
            "series.spans.dimensions",
        ),
        (
            "[series.spans]\ndimensions = [\" \"]",
            "series.spans.dimensions",
        ),
        (
            "[prometheus]\ntranslation_strategy = \"NoUTF8Escaping\"",
            "prometheus.translation_strategy",
        ),
    ];
    for (text, key) in cases {
        assert_eq!(toml(text).error().key, key, "{text}");
    }
}

/// Scenario: the same settings at the edge of what is allowed.
/// Guarantees: the rules refuse nothing that works.
#[test]
fn the_edges_of_the_rules_are_legal() {
    for text in [
        "[receive]\nmax_body = \"32MiB\"\nin_flight_bytes = \"32MiB\"",
        "[series.spans]\nunit = \"s\"\nbuckets = [\"100us\", \"1m\"]\ndimensions = [\"http.route\"]",
        "[prometheus]\ntranslation_strategy = \"NoUTF8EscapingWithSuffixes\"",
        "[journal]\nmax_bytes = \"192MiB\"",
        "[journal]\nsync = \"memory\"\nsegment_bytes = \"64KiB\"",
        "[journal]\nmax_age = \"none\"",
        "[api]\nlisten = \"127.0.0.2:4317\"",
        "[api]\nlisten = \"127.0.0.1:0\"\n[receive.grpc]\nlisten = \"127.0.0.1:0\"",
        "[api]\nlisten = \"127.0.0.1:4317\"\n[receive.grpc]\nenabled = false",
        "[telemetry]\nlog = \"warn,lineside::export=debug,h2=off\"",
        "[receive.cors]\nallowed_origins = [\"*\", \"http://localhost:3000\"]",
    ] {
        toml(text).loaded();
    }
}

/// Scenario: exports with one thing wrong each.
/// Guarantees: each is refused at its key.
#[test]
fn exports_are_checked() {
    let cases = [
        ("[export.\"a.b\"]\nendpoint = \"http://c:1\"", "export.a.b"),
        (
            "[export.a]\nendpoint = \"http://127.0.0.1:4317\"",
            "export.a.endpoint",
        ),
        (
            "[export.a]\nendpoint = \"http://localhost:4318\"",
            "export.a.endpoint",
        ),
        ("[export.a]\nendpoint = \"ftp://c:1\"", "export.a.endpoint"),
        ("[export.a]\nendpoint = \"http://\"", "export.a.endpoint"),
        (
            "[export.a]\nendpoint = \"http://c:99999\"",
            "export.a.endpoint",
        ),
        (
            "[export.a]\nendpoint = \"http://c:1/?token=x\"",
            "export.a.endpoint",
        ),
        (
            "[export.a]\nendpoint = \"http://c:1/path\"",
            "export.a.endpoint",
        ),
        (
            "[export.a]\nprotocol = \"http\"\nendpoint = \"http://c:1/v1/traces\"",
            "export.a.endpoint",
        ),
        (
            "[export.a]\nendpoint = \"http://c:1\"\ntls = { ca_file = \"Cargo.toml\" }",
            "export.a.tls",
        ),
        (
            "[export.a]\nendpoint = \"http://c:1\"\n[route.a]\nupstream = \"http://shop\"",
            "route.a",
        ),
    ];
    for (text, key) in cases {
        assert!(
            toml(text).errors().iter().any(|error| error.key == key),
            "{text}"
        );
    }
    let below = [
        ("signals = []", "export.a.signals"),
        ("signals = [\"logs\", \"logs\"]", "export.a.signals"),
        ("headers = { \"a b\" = \"x\" }", "export.a.headers.a b"),
        (
            "headers = { Content-Type = \"x\" }",
            "export.a.headers.Content-Type",
        ),
        ("headers = { x = \"a\\nb\" }", "export.a.headers.x"),
        ("headers = { x = \"a\", X = \"b\" }", "export.a.headers.x"),
        ("retry = { initial = \"31s\" }", "export.a.retry.max"),
        ("max_age = \"0s\"", "export.a.max_age"),
        (
            "tls = { ca_file = \"/nowhere.pem\" }",
            "export.a.tls.ca_file",
        ),
        (
            "tls = { server_name = \"not a name\" }",
            "export.a.tls.server_name",
        ),
    ];
    for (line, key) in below {
        assert_eq!(toml(&format!("{EXPORT}{line}")).error().key, key, "{line}");
    }
}

/// Scenario: two exports whose names differ only in what a variable cannot spell.
/// Guarantees: the second is refused.
#[test]
fn names_must_differ_in_the_environment_too() {
    let error =
        toml("[export.a-b]\nendpoint = \"http://c:1\"\n[export.a_b]\nendpoint = \"http://c:1\"")
            .error();
    assert!(error.problem.contains("a-b"), "{error}");
}

/// Scenario: TLS files that are missing, of the wrong kind, or given by halves.
/// Guarantees: certificate and key are told apart, and one never comes without the other.
#[test]
fn tls_files_are_checked() {
    let given = nothing()
        .with_file("cert.pem", "-----BEGIN CERTIFICATE-----\n")
        .with_file("key.pem", "-----BEGIN PRIVATE KEY-----\n");
    let (cert, key) = (given.path("cert.pem"), given.path("key.pem"));
    let (cert, key) = (cert.display(), key.display());
    let server =
        |cert: &str, key: &str| format!("[api.tls]\ncert_file = \"{cert}\"\nkey_file = \"{key}\"");
    let swapped = toml(&server(&key.to_string(), &cert.to_string())).errors();
    assert_eq!(
        swapped
            .iter()
            .map(|error| error.key.as_str())
            .collect::<Vec<_>>(),
        ["api.tls.cert_file", "api.tls.key_file"]
    );
    toml(&server(&cert.to_string(), &key.to_string())).loaded();
    let half = toml(&format!("{EXPORT}tls = {{ cert_file = \"{cert}\" }}")).error();
    assert_eq!(half.key, "export.a.tls.key_file");
    let encrypted = given.with_file("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let locked = toml(&server(
        &encrypted.path("cert.pem").display().to_string(),
        &encrypted.path("locked.pem").display().to_string(),
    ))
    .error();
    assert_eq!(locked.key, "api.tls.key_file");
}

/// Scenario: legal settings that let strangers in, show secrets on the wire, or lead nowhere.
/// Guarantees: each gives its warning, and the careful setting gives none.
#[test]
fn risky_settings_are_warned_about() {
    let warnings = |text: &str| {
        toml(text)
            .loaded()
            .warnings
            .into_iter()
            .map(|warning| warning.key)
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(""), ["export"]);
    assert_eq!(warnings(EXPORT), [""; 0]);
    assert_eq!(
        warnings(&format!(
            "{EXPORT}[receive.grpc]\nlisten = \"0.0.0.0:4317\""
        )),
        ["receive.grpc.listen"]
    );
    assert_eq!(
        warnings(&format!("{EXPORT}[api]\nlisten = \"[::]:2271\"")),
        ["api.listen", "api.token"]
    );
    assert_eq!(
        warnings(&format!(
            "{EXPORT}[api]\nlisten = \"[::]:2271\"\ntoken = \"x\""
        )),
        ["api.listen"]
    );
    assert_eq!(
        warnings("[export.a]\nendpoint = \"http://c:1\"\nheaders = { x = \"y\" }"),
        ["export.a.headers"]
    );
    assert_eq!(
        warnings("[export.a]\nendpoint = \"http://[::1]:1\"\nheaders = { x = \"y\" }"),
        [""; 0]
    );
    assert_eq!(
        warnings(&format!(
            "{EXPORT}[receive]\ngrpc = {{ enabled = false }}\nhttp = {{ enabled = false }}"
        )),
        ["receive"]
    );
}
