use super::probe;
use crate::config::tests::toml;

/// Scenario: secrets of every probe setting that holds one: in a valid file, and in one where each has something wrong.
/// Guarantees: neither report, nor what the settings print, repeats one.
#[test]
fn secrets_of_probes_are_never_shown() {
    const CANARY: &str = "canary-5f3a9c";
    let valid = format!(
        "[api]\ntoken = \"{CANARY}\"\n\
         [probe.a]\nurl = \"postgres://app:{CANARY}@db/x?application_name={CANARY}\"\n\
         [probe.b]\nurl = \"https://{CANARY}@shop/?key={CANARY}\"\npassword = \"{CANARY}\"\n\
         http = {{ headers = {{ x = \"{CANARY}\" }}, body = \"{CANARY}\" }}\n\
         [probe.c]\nurl = \"tcp://x:1\"\ntcp.send = \"{CANARY}\"\n\
         [probe.d]\nurl = \"grpc://x:1\"\ngrpc.metadata = {{ x = \"{CANARY}\" }}\n\
         [probe.e]\nurl = \"redis-sentinel://:{CANARY}@s/m\"\nredis.server_password = \"{CANARY}\"\n"
    );
    let given = toml(&valid);
    let loaded = given.loaded();
    let shown = format!("{}{loaded:?}{loaded:#?}", given.report());
    assert!(
        shown.contains("postgres://db/x, every 30s, at most 5s, down after 3 failures, required"),
        "{shown}"
    );
    assert!(!shown.contains(CANARY), "{shown}");
    let wrong = [
        format!("[api]\ntoken = \"{CANARY} x\""),
        probe(&format!("postgres://app:{CANARY}@db:x/x"), ""),
        probe(
            &format!("postgres://app:{CANARY}@db/x"),
            &format!("password = \"{CANARY}\""),
        ),
        probe(&format!("tcp://app:{CANARY}@db:1"), ""),
        probe("tcp://db:1", &format!("password = \"{CANARY}\"")),
        probe(
            "https://u@shop",
            &format!("http.headers = {{ authorization = \"{CANARY}\" }}"),
        ),
        probe(
            "https://shop",
            &format!("http.headers = {{ x = \"{CANARY}\\n\" }}"),
        ),
        probe("https://shop", &format!("http.body = [\"{CANARY}\"]")),
        probe(
            "tcp://db:1",
            &format!("tcp.send = {{ text = \"{CANARY}\" }}"),
        ),
        probe(
            "grpc://db:1",
            &format!("grpc.metadata = {{ x-bin = \"{CANARY}!\" }}"),
        ),
        probe(
            "redis://db:1",
            &format!("redis.server_password = \"{CANARY}\""),
        ),
        probe(
            "postgres://db",
            &format!("query.q.sql = \"DELETE FROM x WHERE y = '{CANARY}'\""),
        ),
    ];
    for text in wrong {
        let report = toml(&text).report();
        assert!(
            report.contains('✗') && !report.contains(CANARY),
            "{text}\n{report}"
        );
    }
}
