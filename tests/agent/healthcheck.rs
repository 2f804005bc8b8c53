//! `lineside healthcheck`: what it says and how it ends, whatever it finds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Agent, Authority, Config, Signal, eventually, own_loopback, request};

/// How a check ended, and what it printed.
#[derive(Debug, PartialEq, Eq)]
struct Checked {
    code: i32,
    said: String,
}

/// Runs a health check in the agent's directory.
async fn check(agent: &Agent, arguments: &[&str]) -> Checked {
    let mut command = agent.command(&[&["healthcheck"], arguments].concat());
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    Checked {
        code: output.status.code().expect("an exit code"),
        said: String::from_utf8(said).unwrap(),
    }
}

fn well(word: &str, url: &str) -> Checked {
    Checked {
        code: 0,
        said: format!("✓ {word} ({url})\n"),
    }
}

/// An agent that is not started, with its configuration in place.
fn configured(config: Config) -> Agent {
    let agent = Agent::installed(config);
    agent.write_config();
    agent
}

/// Scenario: a running agent, asked by its configuration and by URL, for every probe.
/// Guarantees: 0 and one line with what it is and where it was asked.
#[tokio::test]
async fn a_running_agent_is_well() {
    let agent = Agent::start(Config::new()).await;
    let base = format!("http://{}", agent.api());
    let (ready, live) = (
        format!("{base}/health/ready"),
        format!("{base}/health/live"),
    );
    assert_eq!(check(&agent, &[]).await, well("ready", &ready));
    assert_eq!(check(&agent, &["--ready"]).await, well("ready", &ready));
    assert_eq!(check(&agent, &["--live"]).await, well("alive", &live));
    let startup = format!("{base}/health/startup");
    assert_eq!(
        check(&agent, &["--startup"]).await,
        well("started", &startup)
    );
    let elsewhere = Agent::installed(Config::new());
    let by_url = check(&elsewhere, &["--live", "--url", &base]).await;
    assert_eq!(by_url, well("alive", &live), "without a configuration file");
}

/// Scenario: an agent on all addresses of the machine. Guarantees: it is asked on loopback.
#[tokio::test]
async fn an_agent_on_all_addresses_is_asked_on_loopback() {
    for (listen, asked) in [("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")] {
        let free = std::net::TcpListener::bind(format!("{listen}:0")).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut agent =
            Agent::installed(Config::new().set("api.listen", format!("{listen}:{port}")));
        agent.launch();
        let url = format!("http://{asked}:{port}/health/ready");
        eventually("it is well", Duration::from_secs(20), async || {
            (check(&agent, &[]).await == well("ready", &url)).then_some(())
        })
        .await;
    }
}

/// Scenario: SIGTERM while a request is half sent. Guarantees: not ready, with the reason, and alive all the same; when
/// the agent has ended, no answer.
#[tokio::test]
async fn a_draining_agent_lives_and_is_not_ready() {
    let mut agent = Agent::start(Config::new()).await;
    let body = request(Signal::Logs, 0..5);
    let mut in_flight = TcpStream::connect(agent.http()).await.unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    in_flight.write_all(head.as_bytes()).await.unwrap();
    in_flight.write_all(&body[..1]).await.unwrap();
    eventually("the body is read", Duration::from_secs(5), async || {
        (agent.metric("lineside_receive_connections", "").await >= 2.0).then_some(())
    })
    .await;
    agent.terminate();
    let draining = eventually("it drains", Duration::from_secs(4), async || {
        Some(check(&agent, &[]).await).filter(|checked| checked.code != 0)
    })
    .await;
    let url = format!("http://{}/health/ready", agent.api());
    let said = format!("✗ not ready: the agent is shutting down ({url})\n");
    assert_eq!(draining, Checked { code: 1, said });
    assert_eq!(check(&agent, &["--live"]).await.code, 0);
    in_flight.write_all(&body[1..]).await.unwrap();
    agent.ended(Duration::from_secs(10)).await;
    let gone = check(&agent, &["--live"]).await;
    assert_eq!(gone.code, 1);
    assert!(
        gone.said.starts_with("✗ no answer from http://")
            && gone.said.contains("refused")
            && gone.said.lines().count() == 1,
        "{gone:?}"
    );
}

/// Scenario: the port is bound, but nobody answers yet, as while an agent starts.
/// Guarantees: 1 when the time is over, and hardly later.
#[tokio::test]
async fn a_starting_agent_is_not_well() {
    let agent = configured(Config::new());
    let _silent = TcpListener::bind(agent.api()).await.unwrap();
    let begun = Instant::now();
    let checked = check(&agent, &["--timeout", "300ms"]).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(2), "{checked:?}");
    let url = format!("http://{}/health/ready", agent.api());
    let said =
        format!("✗ no answer from {url}: nothing within 300ms; check that the agent runs there\n");
    assert_eq!(checked, Checked { code: 1, said });
}

/// Answers the next connection with exactly these bytes.
async fn answering(address: SocketAddr, answer: &'static [u8]) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(answer).await;
    });
}

/// Scenario: something else answers: not HTTP, a redirect, an endless body behind 200 and 503, an escape sequence.
/// Guarantees: 0 for 200 alone, else 1; always one printable line.
#[tokio::test]
async fn strangers_are_survived() {
    let cases: [(&[u8], i32); 5] = [
        (b"220 smtp.example ESMTP\r\n", 1),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            1,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n{", 0),
        (
            b"HTTP/1.1 503 Sorry\r\ncontent-length: 999999999\r\n\r\n{",
            1,
        ),
        (
            b"HTTP/1.1 503 Sorry\r\nconnection: close\r\n\r\n{\"reasons\":[\"\\u001b[2J\\n\\n\"]}",
            1,
        ),
    ];
    for (answer, code) in cases {
        let agent = configured(Config::new());
        answering(agent.api(), answer).await;
        let checked = check(&agent, &[]).await;
        assert_eq!(checked.code, code, "{checked:?}");
        let line = checked.said.strip_suffix('\n').unwrap();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

/// Scenario: TLS with a certificate for another name, of an authority that nobody knows, with and without asking clients
/// for theirs. Guarantees: the configured agent is well; so is the same agent on loopback by URL where it asks for no
/// certificate; where it does and the one it shows itself is of another authority, there is no answer.
#[tokio::test]
async fn an_agent_with_tls_is_asked_over_tls() {
    let (servers, strangers) = (Authority::new(), Authority::new());
    for (clients, code, code_by_url) in [
        (None, 0, 0),
        (Some(&servers), 0, 1),
        (Some(&strangers), 1, 1),
    ] {
        let mut agent = Agent::installed(Config::new());
        let identity = servers.certify(own_loopback());
        let certificate = agent.write("server.pem", &identity.certificate_pem);
        let key = agent.write("server.key", &identity.key_pem);
        let authority = clients.map(|clients| agent.write("ca.pem", &clients.certificate_pem));
        agent.change(|config| {
            let config = config
                .set("api.tls.cert_file", certificate)
                .set("api.tls.key_file", key);
            match authority {
                Some(file) => config.set("api.tls.client_ca_file", file),
                None => config,
            }
        });
        agent.launch();
        eventually("it serves", Duration::from_secs(20), async || {
            agent.log().contains("ready").then_some(())
        })
        .await;
        let checked = check(&agent, &[]).await;
        assert_eq!(checked.code, code, "{checked:?}");
        assert!(checked.said.contains("https://"), "{checked:?}");
        let by_url = check(&agent, &["--url", &format!("https://{}", agent.api())]).await;
        assert_eq!(by_url.code, code_by_url, "{by_url:?}");
    }
}

/// Scenario: wrong options, a broken configuration, no configuration file where one is named, and a listener on any
/// free port. Guarantees: 2, and what is wrong is named.
#[tokio::test]
async fn mistakes_end_with_2() {
    let agent = configured(Config::new());
    for (arguments, named) in [
        (&["--live", "--ready"][..], "--ready"),
        (&["--live", "--startup"], "--startup"),
        (&["--url", "localhost:2271"], "http://"),
        (&["--url", "http://u:p@localhost"], "password"),
        (&["--timeout", "soon"], "--timeout"),
        (&["--nope"], "--nope"),
    ] {
        let checked = check(&agent, arguments).await;
        assert_eq!(checked.code, 2, "{arguments:?}: {checked:?}");
        assert!(checked.said.contains(named), "{checked:?}");
    }
    let broken = configured(Config::new().set("api.max_connections", 0));
    let absent = Agent::installed(Config::new());
    let any_port = configured(Config::new().set("api.listen", "127.0.0.1:0"));
    for (agent, named) in [
        (&broken, "api.max_connections"),
        (&absent, "lineside.toml"),
        (&any_port, "--url"),
    ] {
        let checked = check(agent, &[]).await;
        assert_eq!(checked.code, 2, "{checked:?}");
        assert!(checked.said.contains(named), "{checked:?}");
    }
}
