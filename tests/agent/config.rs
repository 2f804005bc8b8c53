//! The command line and the configuration, as a person meets them.

use std::process::Output;
use std::time::Duration;

use crate::fixture::{Agent, Config, Signal, Sink, Transport, eventually, request};

/// Runs the binary with these arguments in an agent's directory, apart from its log.
fn lineside(agent: &Agent, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lineside"));
    command
        .args(arguments)
        .current_dir(agent.directory())
        .output()
        .unwrap()
}

fn shown(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

/// Scenario: a file with five different mistakes. Guarantees: check-config fails and names every key, the file, and what to
/// do; so does a start.
#[tokio::test]
async fn every_error_is_reported_at_once() {
    let agent = Agent::installed(Config::new());
    agent.write(
        "broken.toml",
        r#"
        data_dri = "x"
        [api]
        listen = "nowhere"
        [journal]
        sync = "sometimes"
        max_bytes = "12 parsecs"
        [export.collector]
        endpoint = "otel-collector:4317"
        timeout = "5 bananas"
        "#,
    );
    for command in ["check-config", "run"] {
        let output = lineside(&agent, &[command, "--config", "broken.toml"]);
        let text = shown(&output);
        assert!(!output.status.success(), "{command} took it:\n{text}");
        let keys = [
            "data_dri",
            "api.listen",
            "journal.sync",
            "journal.max_bytes",
            "export.collector.endpoint",
            "export.collector.timeout",
        ];
        for expected in keys
            .into_iter()
            .chain(["broken.toml", "data_dir", "always", "http://"])
        {
            assert!(
                text.contains(expected),
                "{command} does not say {expected:?}:\n{text}"
            );
        }
        assert!(!text.contains("panicked"), "{text}");
    }
}

/// Scenario: a good file, a file that is not there, one that is not TOML, and an unknown option. Guarantees: only the first
/// is taken; the others fail and name what is wrong.
#[tokio::test]
async fn check_config_tells_good_from_bad() {
    let agent = Agent::installed(Config::new());
    agent.write("good.toml", "[journal]\nsync = \"interval\"\n");
    agent.write("bad.toml", "[journal\nsync = 3\n");
    let good = lineside(&agent, &["check-config", "--config", "good.toml"]);
    assert!(good.status.success(), "{}", shown(&good));
    for (arguments, named) in [
        (["check-config", "--config", "absent.toml"], "absent.toml"),
        (["check-config", "--config", "bad.toml"], "bad.toml"),
        (["check-config", "--konfig", "good.toml"], "--konfig"),
    ] {
        let output = lineside(&agent, &arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            shown(&output).contains(named),
            "{arguments:?}: {}",
            shown(&output)
        );
    }
}

/// Scenario: the environment overrides a value of the file, and adds an export that the file does not have. Guarantees:
/// both hold.
#[tokio::test]
async fn the_environment_comes_last() {
    let (of_file, of_environment) = (Sink::start().await, Sink::start().await);
    let config = Config::to(&of_file)
        .environment(
            "LINESIDE_EXPORT__SINK__ENDPOINT",
            &of_environment.endpoint(),
        )
        .environment(
            "LINESIDE_EXPORT__OTHER__ENDPOINT",
            &of_environment.endpoint(),
        )
        .environment("LINESIDE_EXPORT__OTHER__BATCH__MAX_DELAY", "1ms");
    let agent = Agent::start(config).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..3))
        .await;
    of_environment.requests_at_least(2).await;
    assert!(of_file.requests().is_empty());
    let wrong = agent
        .command(&["check-config"])
        .env("LINESIDE_JOURNAL__SYNC", "never")
        .status()
        .unwrap();
    assert!(!wrong.success());
    assert!(
        agent.log().contains("LINESIDE_JOURNAL__SYNC"),
        "{}",
        agent.log()
    );
}

/// Scenario: `lineside` with no argument, no file and an empty directory, with only its ports moved by the environment.
/// Guarantees: it runs, takes OTLP, keeps it in `lineside-data`, and says at its start where it listens, that it exports
/// nowhere, and where the data lies.
#[tokio::test]
async fn it_runs_without_any_configuration() {
    let mut place = Agent::installed(Config::new());
    let address = place.grpc().ip();
    let log = std::fs::File::create(place.path("stderr")).unwrap();
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_lineside"))
        .env("LINESIDE_API__LISTEN", format!("{address}:2271"))
        .env("LINESIDE_RECEIVE__GRPC__LISTEN", format!("{address}:4317"))
        .env("LINESIDE_RECEIVE__HTTP__LISTEN", format!("{address}:4318"))
        .current_dir(place.directory())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    place.adopt(child);
    eventually("it serves", Duration::from_secs(20), async || {
        place.get("/health/ready").await
    })
    .await;
    place
        .sender(Transport::Http)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..3))
        .await;
    assert!(place.data_directory().is_dir());
    let said = place.log();
    for expected in [place.api(), place.grpc(), place.http()].map(|address| address.to_string()) {
        assert!(
            said.contains(&expected),
            "the start does not say {expected}:\n{said}"
        );
    }
    assert!(
        said.contains("lineside-data"),
        "the start does not say where data lies:\n{said}"
    );
    assert_eq!(place.stop().await.code(), Some(0));
}

/// Scenario: an agent with an export starts. Guarantees: the start names the export and its endpoint.
#[tokio::test]
async fn the_start_says_what_it_does() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    let expected = [
        "sink".to_owned(),
        sink.address().to_string(),
        agent.grpc().to_string(),
    ];
    eventually("the start names them", Duration::from_secs(5), async || {
        let said = agent.log();
        expected
            .iter()
            .all(|expected| said.contains(expected))
            .then_some(())
    })
    .await;
}

/// Scenario: a port that is taken. Guarantees: the start fails, naming the address and the setting.
#[tokio::test]
async fn a_taken_port_is_named() {
    let mut agent = Agent::installed(Config::new());
    let _taken = tokio::net::TcpListener::bind(agent.grpc()).await.unwrap();
    agent.launch();
    let status = agent.ended(Duration::from_secs(10)).await;
    assert!(!status.success());
    let said = agent.log();
    assert!(
        said.contains(&agent.grpc().to_string()) && said.contains("receive.grpc.listen"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}

/// Scenario: two agents on one data directory. Guarantees: the second does not start, and says why; the first goes on.
#[tokio::test]
async fn a_data_directory_has_one_agent() {
    let sink = Sink::start().await;
    let first = Agent::start(Config::to(&sink)).await;
    let directory = first.data_directory();
    let mut second =
        Agent::installed(Config::to(&sink).set("data_dir", directory.to_str().unwrap()));
    second.launch();
    let status = second.ended(Duration::from_secs(10)).await;
    assert!(!status.success());
    assert!(second.log().contains("lineside-data"), "{}", second.log());
    first
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
        .await;
}

/// Scenario: `--help` and `--version`. Guarantees: they name the commands and the version, and succeed.
#[tokio::test]
async fn help_and_version() {
    let agent = Agent::installed(Config::new());
    let help = lineside(&agent, &["--help"]);
    assert!(help.status.success());
    for word in ["run", "check-config", "--config", "exit"] {
        assert!(
            shown(&help).to_lowercase().contains(word),
            "{word}: {}",
            shown(&help)
        );
    }
    let version = lineside(&agent, &["--version"]);
    assert!(shown(&version).contains(env!("CARGO_PKG_VERSION")));
}
