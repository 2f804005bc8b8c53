//! Waiting for more of an answer.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::terms::Progress;
use super::timer::Timer;
use super::wire::Meter;

/// Since when more is waited for.
pub(super) struct Waiting {
    pub(super) meter: Arc<Meter>,
    timer: Timer,
    progress: Progress,
    since: Option<Instant>,
}

impl Waiting {
    pub(super) fn new(meter: Arc<Meter>) -> Waiting {
        Waiting {
            timer: Timer::default(),
            progress: Progress::new(&meter, Instant::now()),
            meter,
            since: None,
        }
    }

    /// More has come.
    pub(super) fn came(&mut self) {
        self.since = None;
    }

    /// Nothing has come. Whether nothing moved for `idle`; if not, `context` is woken by then. More of the request that the upstream takes
    /// is a sign of life as well.
    pub(super) fn is_over(&mut self, idle: Duration, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        self.progress.note(&self.meter, now);
        let since = *self.since.get_or_insert(now);
        let due = since.max(self.progress.at()) + idle;
        self.timer.poll(context, due, now)
    }
}
