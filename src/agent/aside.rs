//! Work that gives way: long for a moment, and nobody is the worse if it takes a little longer.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use rustix::process::nice;
use tokio::sync::oneshot;

/// How far such work stands behind that of the network's threads (Linux gives each thread a nice value of its own).
const NICE: i32 = 10;

/// Runs `work` on a thread of its own that gets a core when no other thread wants it: while a scrape is compressed,
/// senders must be answered as fast as ever.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, answered) = oneshot::channel();
    let run = move || {
        // Where it can't step back it runs all the same.
        let _ = nice(NICE);
        // Nobody waits any more: the answer is of no use.
        let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
    };
    let started = thread::Builder::new().name("aside".to_owned()).spawn(run);
    match (started, answered.await) {
        (Ok(_), Ok(Ok(done))) => done,
        (Ok(_), Ok(Err(panic))) => resume_unwind(panic),
        (Err(error), _) => resume_unwind(Box::new(format!("no thread for an answer: {error}"))),
        (Ok(_), Err(_)) => resume_unwind(Box::new("the thread of an answer ended early")),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    /// Scenario: work is done aside. Guarantees: it stands behind others, and leaves them where they stand.
    #[tokio::test]
    async fn work_aside_gives_way() {
        let before = getpriority_process(None).unwrap();
        let there = aside(|| getpriority_process(None)).await.unwrap();
        assert_eq!(there, (before + NICE).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }

    /// Scenario: work done aside panics. Guarantees: who asked for it hears of it.
    #[tokio::test]
    async fn a_panic_reaches_who_asked() {
        let asked = tokio::spawn(aside(|| panic!("on purpose")));
        assert!(asked.await.unwrap_err().is_panic());
    }
}
