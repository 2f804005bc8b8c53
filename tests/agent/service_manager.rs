//! systemd: told by the real binary over a datagram socket that it started, that it lives, how it is, that it ends.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal as ProcessSignal;

use crate::fixture::{Agent, Config, Reaction, Signal, Sink, Transport, eventually, request};

/// The manager's end of the socket.
struct Manager {
    _dir: tempfile::TempDir,
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn new() -> Manager {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Manager {
            _dir: dir,
            socket,
            path: path.to_str().unwrap().to_owned(),
        }
    }

    /// The configuration of an agent that this manager starts.
    fn starting(&self, config: Config, watchdog_us: Option<u64>) -> Config {
        let config = config.environment("NOTIFY_SOCKET", &self.path);
        match watchdog_us {
            Some(silence) => config.environment("WATCHDOG_USEC", &silence.to_string()),
            None => config,
        }
    }

    /// What has come since it was asked last.
    fn heard(&self) -> Vec<String> {
        let (mut all, mut message) = (Vec::new(), [0; 4096]);
        while let Ok(len) = self.socket.recv(&mut message) {
            all.push(String::from_utf8(message[..len].to_vec()).unwrap());
        }
        all
    }

    /// Everything up to the first message that holds `words`.
    async fn hears(&self, words: &str) -> Vec<String> {
        let mut all = Vec::new();
        eventually(words, Duration::from_secs(20), async || {
            all.extend(self.heard());
            all.iter().any(|one| one.contains(words)).then_some(())
        })
        .await;
        all
    }
}

/// Scenario: an agent starts, runs and gets SIGTERM. Guarantees: READY comes once and only when it serves, STOPPING before
/// it is gone, each with a status; without WATCHDOG_USEC there is no watchdog.
#[tokio::test]
async fn the_start_and_the_end_are_told() {
    let manager = Manager::new();
    let mut agent = Agent::installed(manager.starting(Config::new(), None));
    agent.launch();
    assert_eq!(manager.hears("READY=1").await, ["READY=1\nSTATUS=ready"]);
    assert_eq!(
        agent.get("/health/ready").await.expect("it serves").status,
        200
    );
    assert_eq!(agent.stop().await.code(), Some(0));
    let end = manager.heard();
    assert_eq!(end.len(), 1, "{end:?}");
    assert!(end[0].starts_with("STOPPING=1\nSTATUS=stopping"), "{end:?}");
}

/// Scenario: an agent that can't start, since its port is taken. Guarantees: it never says that it is ready.
#[tokio::test]
async fn a_start_that_fails_is_not_told() {
    let manager = Manager::new();
    let mut agent = Agent::installed(manager.starting(Config::new(), None));
    let _taken = tokio::net::TcpListener::bind(agent.grpc()).await.unwrap();
    agent.launch();
    assert_eq!(agent.ended(Duration::from_secs(10)).await.code(), Some(1));
    assert!(manager.heard().is_empty());
}

/// Scenario: a watchdog of 400 ms; the process is stopped for a while and goes on. Guarantees: it hears at least every 400
/// ms while the process runs, nothing while it does not, and again afterwards, to the end.
#[tokio::test]
async fn the_watchdog_hears_that_it_lives() {
    let manager = Manager::new();
    let mut agent = Agent::installed(manager.starting(Config::new(), Some(400_000)));
    agent.launch();
    manager.hears("READY=1").await;
    let (begun, mut heard) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(2) {
        heard += manager.hears("WATCHDOG=1").await.len();
    }
    assert!((5..=13).contains(&heard), "{heard} in two seconds");
    agent.signal(ProcessSignal::STOP);
    tokio::time::sleep(Duration::from_millis(100)).await;
    manager.heard();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(
        manager.heard().is_empty(),
        "told by a process that stands still"
    );
    agent.signal(ProcessSignal::CONT);
    manager.hears("WATCHDOG=1").await;
    assert_eq!(agent.stop().await.code(), Some(0));
}

/// Scenario: a destination hangs, so that the agent becomes unready, and later takes again. Guarantees: the status says so
/// with the export's name, and that it is ready again; the watchdog hears all the while, and so it does while the agent
/// stops and waits for the destination.
#[tokio::test]
async fn a_stuck_export_is_a_status_and_no_reason_to_start_again() {
    let manager = Manager::new();
    let sink = Sink::start().await;
    sink.always(Reaction::Hang);
    let config = Config::to(&sink)
        .sink("stuck_after", "1s")
        .sink("timeout", "500ms")
        .set("shutdown.deadline", "4s")
        .set("shutdown.drain", "100ms");
    let mut agent = Agent::start(manager.starting(config, Some(400_000))).await;
    let mut sender = agent.sender(Transport::Grpc);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
        .await;
    let stuck = manager.hears("STATUS=not ready: ").await;
    let told = stuck.last().unwrap();
    assert!(
        told.contains("sink") && told.contains("WATCHDOG=1"),
        "{told}"
    );
    sink.always(Reaction::Accept);
    manager.hears("STATUS=ready\nWATCHDOG=1").await;
    sink.always(Reaction::Hang);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 1..2))
        .await;
    manager.heard();
    agent.stop().await;
    let end = manager.heard();
    let stopping = end.iter().position(|one| one.starts_with("STOPPING=1"));
    let after = &end[stopping.expect("STOPPING") + 1..];
    assert!(
        after.len() >= 2,
        "the watchdog hears nothing while it stops: {end:?}"
    );
    assert!(after.iter().all(|one| one == "WATCHDOG=1"), "{end:?}");
}

/// Scenario: NOTIFY_SOCKET names nothing that can be sent to, and a socket that nobody reads.
/// Guarantees: the agent runs all the same, and warns.
#[tokio::test]
async fn a_manager_that_is_not_there_stops_nothing() {
    for name in ["rubbish", "/nonexistent/notify"] {
        let config = Config::new().environment("NOTIFY_SOCKET", name);
        let mut agent = Agent::start(config).await;
        eventually("it warns", Duration::from_secs(5), async || {
            agent.log().contains("service manager").then_some(())
        })
        .await;
        assert_eq!(agent.stop().await.code(), Some(0));
    }
}
