//! What the service manager hears, in made-up time.

use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;

use tokio::time::advance;

use super::*;
use crate::agent::translate;
use crate::config::Settings;
use crate::journal::DiskStorage;

fn running(status: &str) -> Condition {
    Condition::Running(status.to_owned())
}

/// A manager that reads what it is told.
struct Reader {
    _dir: tempfile::TempDir,
    socket: UnixDatagram,
    condition: Arc<Mutex<Condition>>,
}

impl Reader {
    /// Told by a task of the agent's, beginning with one that is ready.
    fn told(watchdog: Option<Duration>) -> Reader {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let manager = Manager::at(&path, watchdog).unwrap();
        let condition = Arc::new(Mutex::new(running(READY)));
        let asked = Arc::clone(&condition);
        tokio::spawn(async move { keep_told(&manager, || asked.lock().unwrap().clone()).await });
        Reader {
            _dir: dir,
            socket,
            condition,
        }
    }

    /// What is told within `time`.
    async fn hears(&self, time: Duration) -> Vec<String> {
        // The task must have looked at the clock before it moves on, and again behind each step.
        for _ in 0..time.as_millis() / 100 {
            tokio::task::yield_now().await;
            advance(Duration::from_millis(100)).await;
        }
        tokio::task::yield_now().await;
        let mut heard = Vec::new();
        let mut message = [0; 4096];
        while let Ok(len) = self.socket.recv(&mut message) {
            heard.push(String::from_utf8(message[..len].to_vec()).unwrap());
        }
        heard
    }
}

const WATCHDOG: &str = "WATCHDOG=1";

/// Scenario: a watchdog of four seconds, an agent that runs, stops being ready, ends, and one whose thread is gone.
/// Guarantees: it hears every two seconds while the agent lives, a status once, and nothing of one that is dead.
#[tokio::test(start_paused = true)]
async fn the_watchdog_hears_while_the_agent_lives() {
    let reader = Reader::told(Some(Duration::from_secs(4)));
    let become_ = |condition| *reader.condition.lock().unwrap() = condition;
    let (short, long) = (Duration::from_millis(1900), Duration::from_secs(6));
    assert_eq!(reader.hears(short).await, [WATCHDOG]);
    assert_eq!(reader.hears(long).await, [WATCHDOG; 3]);
    become_(running("not ready: x"));
    let told = format!("STATUS=not ready: x\n{WATCHDOG}");
    assert_eq!(reader.hears(long).await, [&told, WATCHDOG, WATCHDOG]);
    become_(Condition::Stopping);
    assert_eq!(reader.hears(long).await, [WATCHDOG; 3]);
    become_(Condition::Dead("journal"));
    assert!(reader.hears(10 * long).await.is_empty());
}

/// Scenario: a manager without a watchdog, and an agent that stops being ready and becomes it again.
/// Guarantees: it hears each change of the status within ten seconds, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_status_is_told_once() {
    let reader = Reader::told(None);
    let minute = Duration::from_secs(60);
    assert!(reader.hears(minute).await.is_empty());
    for (now, told) in [
        ("not ready: x", "STATUS=not ready: x"),
        (READY, "STATUS=ready"),
    ] {
        *reader.condition.lock().unwrap() = running(now);
        assert_eq!(reader.hears(STATUS_EVERY).await, [told]);
        assert!(reader.hears(minute).await.is_empty());
    }
}

/// Scenario: an agent that is ready, and one with two reasons not to be. Guarantees: one line with every reason.
#[test]
fn a_status_names_every_reason() {
    assert_eq!(status(&[]), "ready");
    let reasons = ["one".to_owned(), "two".to_owned()];
    assert_eq!(status(&reasons), "not ready: one; two");
}

/// What an agent of these settings lives by, without the rest of it.
fn vitals(settings: &Settings) -> Vitals {
    let options = translate::journal(&settings.data_dir, &settings.journal);
    let opened = Journal::open(options, Arc::new(DiskStorage), Vec::new()).unwrap();
    let series = SeriesHandle::open(translate::series(settings), Arc::new(DiskStorage)).unwrap();
    Vitals {
        journal: opened.journal,
        series: Some(series.0),
        stopping: Stopping::default(),
        not_ready: Arc::new(|| vec!["x".to_owned()]),
    }
}

/// Scenario: the threads of the journal end while the agent runs, then those of the series in another agent; then each
/// is told to stop.
/// Guarantees: it is dead, and of what, and before that alive whether or not it is ready; threads that end while it
/// stops end in order.
#[tokio::test]
async fn a_thread_that_is_gone_is_noticed() {
    for thread in ["journal", "series"] {
        let dir = tempfile::tempdir().unwrap();
        let vitals = vitals(&Settings {
            data_dir: dir.path().to_owned(),
            ..Settings::default()
        });
        assert_eq!(vitals.now(), running("not ready: x"));
        match (thread, &vitals.series) {
            ("series", Some(series)) => series.close().await,
            _ => vitals.journal.close().await,
        }
        assert_eq!(vitals.now(), Condition::Dead(thread));
        vitals.stopping.begin();
        assert_eq!(vitals.now(), Condition::Stopping);
    }
}
