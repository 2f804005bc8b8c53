//! The configuration of probes, as a person meets it: `check-config` and the start.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::time::Duration;

use lineside::probe::{Phase, Reason};
use serde_json::Value;

use crate::fixture::{Agent, Config, eventually, repository};

/// What must never be seen.
const CANARY: &str = "canary-5f3a9c";

/// A file of settings in a directory of its own.
fn given(text: &str) -> Agent {
    let agent = Agent::installed(Config::new());
    agent.write("probes.toml", text);
    agent
}

fn run(agent: &Agent, command: &str) -> Output {
    let mut lineside = Command::new(env!("CARGO_BIN_EXE_lineside"));
    lineside.args([command, "--config", "probes.toml"]);
    lineside.current_dir(agent.directory()).output().unwrap()
}

/// What `check-config` printed, which must have failed for the configuration's sake.
fn refused(agent: &Agent) -> String {
    let output = run(agent, "check-config");
    let text = shown(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn shown(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

/// Scenario: one probe each of a scheme that nobody knows, a URL that is none, secrets that cannot be read (a variable that
/// is not set, a file that is missing), a query that writes, an option of a database's URL that is
/// not known, a type of DNS records that is none, and a name server's pattern that is none. Guarantees: check-config ends with
/// 2 and names the key, what is wrong and what to do.
#[tokio::test]
async fn every_mistake_is_refused_with_its_key_and_the_fix() {
    let cases = [
        (
            "url = \"postgers://app@db/x\"",
            "probe.a.url",
            "did you mean postgres?",
        ),
        ("url = \"postgres://db:x/x\"", "probe.a.url", "invalid port"),
        (
            "url = \"db.internal\"",
            "probe.a.url",
            "has no scheme: write one in front",
        ),
        (
            "url = \"postgres://app@db/x\"\npassword = { env = \"NOT_SET_ANYWHERE\" }",
            "probe.a.password",
            "NOT_SET_ANYWHERE is not set, or is empty. Set it",
        ),
        (
            "url = \"postgres://app@db/x\"\npassword = { file = \"missing\" }",
            "probe.a.password",
            "the file missing cannot be used: No such file",
        ),
        (
            "url = \"postgres://app@db/x\"\nquery.q.sql = \"UPDATE jobs SET done = true\"",
            "probe.a.query.q.sql",
            "is UPDATE, which writes. Write one statement that only reads",
        ),
        (
            "url = \"postgres://app@db/x?sslmod=require\"",
            "probe.a",
            "sslmod",
        ),
        (
            "url = \"mysql://app@db/x?ssl-mode=maybe\"",
            "probe.a",
            "ssl-mode must be one of",
        ),
        (
            "url = \"dns:example.org?type=AAAAA\"",
            "probe.a",
            "known are A, AAAA",
        ),
        (
            "url = \"dns:example.org\"\ndns.expect = \"(\"",
            "probe.a.dns.expect",
            "unclosed group",
        ),
    ];
    for (lines, key, problem) in cases {
        let agent = given(&format!("[probe.a]\n{lines}\n"));
        let text = refused(&agent);
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("✗ {key}")));
        assert!(
            line.is_some_and(|line| line.contains(problem)),
            "{lines}\n{text}"
        );
    }
}

/// Scenario: a password in a file that the agent's user may not read. Guarantees: check-config says so, with key and file.
#[tokio::test]
async fn a_file_without_permission_is_told_of() {
    let agent =
        given("[probe.a]\nurl = \"postgres://app@db/x\"\npassword = { file = \"locked\" }\n");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    agent.write("locked", CANARY);
    std::fs::set_permissions(agent.path("locked"), mode(0)).unwrap();
    let mut lineside = Command::new(env!("CARGO_BIN_EXE_lineside"));
    // Root may read everything: somebody else runs a copy that he can reach.
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(agent.directory(), mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_lineside"), agent.path("lineside")).unwrap();
        lineside = Command::new(agent.path("lineside"));
        lineside.uid(65534).gid(65534);
    }
    lineside.args(["check-config", "--config", "probes.toml"]);
    let output = lineside.current_dir(agent.directory()).output().unwrap();
    let text = shown(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let line =
        "✗ probe.a.password (probes.toml): the file locked cannot be used: Permission denied";
    assert!(text.contains(line), "{text}");
}

/// Scenario: a file with a mistake in each of a dozen places, read by check-config and by a start. Guarantees: both name all
/// of them at once, with key, file and fix, and end with 2.
#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    let agent = given(
        r#"
        [api]
        token = "two words"
        [probe.orders-db]
        url = "postgres://app@db/orders"
        evry = "10s"
        http.method = "GET"
        parent = "orders"
        query.clean.sql = "DELETE FROM jobs"
        query.jobs = { sql = "SELECT 1 AS value", metric = "lineside.jobs" }
        [probe.shop]
        url = "https://shop.example"
        http = { status = ["fine"], expect_body = ["("], headers = { host = "x", te = "x" } }
        [probe.cpu]
        url = "disk:/"
        [probe.sessions]
        url = "redis://cache"
        parent = "queue"
        [probe.queue]
        url = "redis://queue"
        parent = "sessions"
        [maintenance.nightly]
        from = "02:00"
        to = "2026-12-01T22:00:00Z"
        probes = ["order-db"]
        "#,
    );
    let keys = [
        "api.token",
        "probe.orders-db.evry",
        "probe.orders-db.http",
        "probe.orders-db.parent",
        "probe.orders-db.query.clean.sql",
        "probe.orders-db.query.jobs.metric",
        "probe.shop.http.status",
        "probe.shop.http.expect_body",
        "probe.shop.http.headers.te",
        "probe.cpu",
        "probe.queue.parent",
        "maintenance.nightly.to",
        "maintenance.nightly.probes",
    ];
    for command in ["check-config", "run"] {
        let output = run(&agent, command);
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(2), "{command}: {text}");
        for key in keys {
            let line = format!("✗ {key} (probes.toml): ");
            assert!(
                text.contains(&line),
                "{command} does not say {line:?}:\n{text}"
            );
        }
        assert_eq!(text.matches('✗').count(), keys.len(), "{text}");
    }
}

/// Scenario: two probes whose URLs have options that only their kinds know to be wrong. Guarantees: check-config and a start
/// name both, and end with 2.
#[tokio::test]
async fn what_only_the_kind_knows_is_told_before_the_start() {
    let agent = given(
        "[probe.a]\nurl = \"postgres://db/x?sslmode=maybe\"\n[probe.b]\nurl = \"disk:/\"\n[probe.c]\nurl = \"mysql://db/x?colour=red\"\n",
    );
    for command in ["check-config", "run"] {
        let output = run(&agent, command);
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(2), "{command}: {text}");
        assert!(
            text.contains("✗ probe.a: ") && text.contains("✗ probe.c: "),
            "{command}: {text}"
        );
        assert!(!text.contains("probe.b:"), "{command}: {text}");
    }
}

/// Scenario: secrets in every place that takes one, in a file that is valid and in files where each has a mistake beside it;
/// then an agent that starts with them. Guarantees: neither check-config nor the log of the start shows one; both show what is
/// probed.
#[tokio::test]
async fn secrets_are_shown_nowhere() {
    let secrets: [(&str, Value); 8] = [
        (
            "probe.db.url",
            format!("postgres://app:{CANARY}@127.0.0.1:1/orders").into(),
        ),
        ("probe.sessions.url", "redis://127.0.0.1:1/3".into()),
        ("probe.sessions.password", CANARY.into()),
        (
            "probe.shop.url",
            format!("http://{CANARY}:{CANARY}@127.0.0.1:1/health?key={CANARY}").into(),
        ),
        ("probe.shop.http.headers.x-key", CANARY.into()),
        ("probe.mail.url", "tcp://127.0.0.1:1".into()),
        ("probe.mail.tcp.send", CANARY.into()),
        ("api.token", CANARY.into()),
    ];
    let config = secrets.iter().fold(Config::new(), |config, (key, value)| {
        config.set(key, value.clone())
    });
    let agent = Agent::start(config).await;
    let status = agent.command(&["check-config"]).status().unwrap();
    assert!(status.success(), "{}", agent.log());
    eventually(
        "the probes are named",
        Duration::from_secs(10),
        async || {
            let log = agent.log();
            let started =
                log.contains("probing") && log.contains("url=postgres://127.0.0.1:1/orders");
            let checked =
                log.contains("probe db") && log.contains("redis://127.0.0.1:1/3, every 30s");
            (started && checked).then_some(())
        },
    )
    .await;
    assert!(!agent.log().contains(CANARY), "{}", agent.log());
    for wrong in [
        format!("[probe.a]\nurl = \"postgres://app:{CANARY}@db:x/y\""),
        format!("[probe.a]\nurl = \"postgres://app:{CANARY}#@db/y\""),
        format!("[probe.a]\nurl = \"postgres://app:1/{CANARY}@db/y\""),
        format!("[probe.a]\nurl = \"postgers://app:{CANARY}@db/y\""),
        format!("[probe.a]\nurl = \"postgres://app@db/y?password={CANARY}\""),
        format!("[probe.a]\nurl = \"postgres://app:{CANARY}@db/y\"\npassword = \"{CANARY}\""),
        format!("[probe.a]\nurl = \"disk:/\"\npassword = \"{CANARY}\""),
        format!("[probe.a]\nurl = \"http://x\"\nhttp.headers.te = \"{CANARY}\""),
        format!("[probe.a]\nurl = \"http://x\"\nhttp.headers.a = \"{CANARY}\\n\""),
        format!("[probe.a]\nurl = \"tcp://x:1\"\ntcp.sned = \"{CANARY}\""),
        format!("[probe.a]\nurl = \"tcp://x:1\"\npassword = \"{CANARY}\n"),
    ] {
        let text = refused(&given(&wrong));
        assert!(
            text.contains('✗') && !text.contains(CANARY),
            "{wrong}\n{text}"
        );
    }
}

/// Scenario: docs/probes.md. Guarantees: it says what every reason means, and names every phase and every scheme.
#[test]
fn the_document_is_complete() {
    let document = std::fs::read_to_string(repository().join("docs/probes.md")).unwrap();
    let reasons = Reason::ALL.map(|reason| format!("| `{}`", reason.name()));
    // Statuses and assertions stand in one line.
    let reasons = reasons
        .into_iter()
        .filter(|reason| !reason.contains("assertion"));
    let phases = Phase::ALL.map(|phase| format!("`{}`", phase.name()));
    for expected in reasons.chain(phases) {
        assert!(
            document.contains(&expected),
            "nothing is said of {expected}"
        );
    }
    let refused = refused(&given("[probe.a]\nurl = \"mongodb://x\""));
    let (_, known) = refused.split_once("known are ").expect("the schemes");
    let schemes = known.split('.').next().unwrap().split(", ");
    for scheme in schemes {
        assert!(
            document.contains(&format!("`{scheme}")),
            "nothing is said of {scheme}"
        );
    }
}
