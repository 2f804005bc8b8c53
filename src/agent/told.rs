//! What the service manager is told: that the agent started, how it is, that it lives, that it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, warn};

use super::Agent;
use crate::journal::Journal;
use crate::notify::{Manager, Notice};
use crate::series::SeriesHandle;
use crate::serve::Ask;
use crate::shutdown::Stopping;

/// How soon a changed status is told, where the watchdog does not ask more often.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// The status of an agent that is as it should be.
const READY: &str = "ready";

/// Tells that the start is done, and from then on how the agent is. `None` where no manager wants to know, or none
/// can be told.
pub(super) fn the_start(agent: &Agent) -> Option<Arc<Manager>> {
    let manager = Manager::of_process().unwrap_or_else(|error| {
        warn!("the service manager is told nothing: {error}");
        None
    });
    let manager = Arc::new(manager?);
    tell(&manager, &[Notice::Ready, Notice::Status(READY)]);
    let (vitals, told) = (Vitals::of(agent), Arc::clone(&manager));
    tokio::spawn(async move { keep_told(&told, || vitals.now()).await });
    Some(manager)
}

/// Tells that the end has begun.
pub(super) fn the_end(manager: &Manager) {
    let doing = "stopping: requests in flight may end, exports send what waits";
    tell(manager, &[Notice::Stopping, Notice::Status(doing)]);
}

fn tell(manager: &Manager, notices: &[Notice<'_>]) {
    if let Err(error) = manager.tell(notices) {
        warn!(%error, ?notices, "the service manager could not be told");
    }
}

/// What the agent's life hangs on beside the runtime, and what says why it is not ready.
///
/// As with `/health/live`, a disk or a destination that hangs is no reason to start again. A thread that is gone is:
/// it does not come back by itself.
struct Vitals {
    journal: Journal,
    series: Option<SeriesHandle>,
    stopping: Stopping,
    not_ready: Ask<Vec<String>>,
}

/// How the agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// It lives, and this is its status.
    Running(String),
    /// It lives, and its threads end one by one. `shutdown.deadline` bounds the whole.
    Stopping,
    /// This thread is gone.
    Dead(&'static str),
}

impl Vitals {
    fn of(agent: &Agent) -> Vitals {
        Vitals {
            journal: agent.journal.clone(),
            series: agent.series.clone(),
            stopping: agent.stopping.clone(),
            not_ready: Arc::clone(&agent.not_ready),
        }
    }

    /// Whether the end has begun is asked last: threads that end then end in order.
    fn now(&self) -> Condition {
        let series = self.series.as_ref();
        let dead = match (self.journal.is_alive(), series.map(SeriesHandle::has_ended)) {
            (false, _) => Some("journal"),
            (true, Some(true)) => Some("series"),
            (true, _) => None,
        };
        match (self.stopping.has_begun(), dead) {
            (true, _) => Condition::Stopping,
            (false, Some(thread)) => Condition::Dead(thread),
            (false, None) => Condition::Running(status(&(self.not_ready)())),
        }
    }
}

fn status(reasons: &[String]) -> String {
    match reasons {
        [] => READY.to_owned(),
        reasons => format!("not ready: {}", reasons.join("; ")),
    }
}

/// Tells how the agent is, for ever. The watchdog hears at half the silence that it bears, as sd_watchdog_enabled(3)
/// asks. That this runs at all shows that the runtime answers.
async fn keep_told(manager: &Manager, condition: impl Fn() -> Condition) {
    let half = manager.watchdog().map(|silence| silence / 2);
    let every = half.map_or(STATUS_EVERY, |half| half.min(STATUS_EVERY));
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut telling = Telling::new(half.is_some());
    loop {
        ticks.tick().await;
        let condition = condition();
        let notices = telling.notices(&condition);
        if notices.is_empty() {
            continue;
        }
        match manager.tell(&notices) {
            Ok(()) => telling.told(&condition),
            Err(error) => debug!(%error, ?notices, "the service manager could not be told"),
        }
    }
}

/// What was told, so that a status is told once.
struct Telling {
    watched: bool,
    status: String,
    mourned: bool,
}

impl Telling {
    fn new(watched: bool) -> Telling {
        Telling {
            watched,
            status: READY.to_owned(),
            mourned: false,
        }
    }

    /// What there is to tell. Of an agent that is dead nothing, which is what the watchdog waits for.
    fn notices<'a>(&mut self, condition: &'a Condition) -> Vec<Notice<'a>> {
        let mut notices = Vec::new();
        match condition {
            Condition::Dead(thread) => {
                self.mourn(thread);
                return notices;
            }
            Condition::Running(status) if *status != self.status => {
                notices.push(Notice::Status(status));
            }
            Condition::Running(_) | Condition::Stopping => {}
        }
        if self.watched {
            notices.push(Notice::Watchdog);
        }
        notices
    }

    fn mourn(&mut self, thread: &str) {
        if !std::mem::replace(&mut self.mourned, true) {
            error!(
                thread,
                "this thread is gone, and the agent must be started again: a watchdog will do so"
            );
        }
    }

    fn told(&mut self, condition: &Condition) {
        if let Condition::Running(status) = condition {
            self.status.clone_from(status);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
