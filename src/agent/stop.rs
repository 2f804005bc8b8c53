//! The end, in order: readiness, probes, requests, own telemetry, exports, journal, face, series.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::Agent;
use crate::config::SyncMode;
use crate::shutdown::StopSignals;

/// How the agent came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every step was taken.
    InOrder,
    /// The deadline passed or a second signal came.
    ByForce,
}

/// Connections that have answered get this long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Agent {
    /// Ends the agent; a second signal or the deadline ends it at once.
    pub(super) async fn stop(self, signals: &mut StopSignals) -> Ended {
        let deadline = self.settings.shutdown.deadline;
        tokio::select! {
            ended = self.stop_in_order() => ended,
            signal = signals.next() => {
                warn!(signal, "second signal");
                Ended::ByForce
            }
            () = sleep(deadline) => {
                warn!(?deadline, "shutdown.deadline has passed");
                Ended::ByForce
            }
        }
    }

    async fn stop_in_order(mut self) -> Ended {
        let force_at = Instant::now() + self.settings.shutdown.deadline;
        self.stopping.begin();
        self.probes.stop();
        self.end_requests().await;
        self.probes.close().await;
        let half_left = (force_at - Instant::now()) / 2;
        if let Err(error) = self.telemetry.shutdown(half_left.min(GOODBYE * 5)).await {
            warn!(%error, "own telemetry did not end in order");
        }
        let delivered = self.end_exports(force_at).await;
        self.journal.close().await;
        self.closing.api.cancel();
        end_within(GOODBYE, &mut self.api).await;
        // Last, so that a scrape is answered as long as the face is open.
        if let Some(series) = &self.series {
            series.close().await;
        }
        if delivered {
            Ended::InOrder
        } else {
            Ended::ByForce
        }
    }

    /// New requests are refused from here on; those in flight have `shutdown.drain` to end.
    async fn end_requests(&mut self) {
        let drain = self.settings.shutdown.drain;
        if timeout(drain, self.intake.close()).await.is_err() {
            warn!(?drain, "requests still in flight are cut off");
        }
        self.closing.receivers.cancel();
        for receiver in &mut self.receivers {
            end_within(GOODBYE, receiver).await;
        }
    }

    /// Exports send what waits. What fails now stays on disk; in memory mode they try to the last.
    async fn end_exports(&mut self, force_at: Instant) -> bool {
        self.closing.exports.cancel();
        self.journal.close().await;
        let keeps_on_disk = self.settings.journal.sync != SyncMode::Memory;
        let left = force_at - Instant::now();
        let limit = if keeps_on_disk {
            left / 2
        } else {
            left.saturating_sub(GOODBYE * 2)
        };
        let until = Instant::now() + limit;
        let mut all_ended = true;
        for export in &mut self.exports {
            all_ended &= end_within(until - Instant::now(), &mut export.task).await;
        }
        all_ended || keeps_on_disk
    }
}

async fn end_within(limit: Duration, task: &mut JoinHandle<()>) -> bool {
    let ended = timeout(limit, &mut *task).await.is_ok();
    if !ended {
        task.abort();
    }
    ended
}
