//! The end, in order: readiness, probes, requests, own telemetry, exports, journal, face, series.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Agent;
use super::gateway::Served;
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
        let drain = self.settings.shutdown.drain;
        let gateway = end_gateway(self.gateway.take(), drain, self.closing.gateway.clone());
        tokio::join!(gateway, self.end_requests());
        self.probes.close().await;
        let half_left = (force_at - Instant::now()) / 2;
        if let Err(error) = self.telemetry.shutdown(half_left.min(GOODBYE * 5)).await {
            warn!(%error, "own telemetry did not end in order");
        }
        let delivered = self.end_exports(force_at).await;
        self.journal.close().await;
        self.breakers.feed().end();
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

/// The gateway refuses new requests already; those under way have `drain` to end.
async fn end_gateway(served: Option<Served>, drain: Duration, closing: CancellationToken) {
    let Some(Served {
        gateway,
        mut serving,
        store,
        workers,
    }) = served
    else {
        return;
    };
    if timeout(drain, gateway.drained()).await.is_err() {
        warn!(?drain, "requests still in the gateway are cut off");
    }
    if timeout(GOODBYE * 2, gateway.close()).await.is_err() {
        warn!("WebSockets that do not end are cut off");
    }
    closing.cancel();
    end_within(GOODBYE, &mut serving).await;
    if let Some(store) = store {
        // What is still being written gets no longer than other goodbyes.
        let _ = timeout(GOODBYE, store.close()).await;
    }
    // Behind the store, whose connections some of the threads may have opened.
    drop(workers);
}

async fn end_within(limit: Duration, task: &mut JoinHandle<()>) -> bool {
    let ended = timeout(limit, &mut *task).await.is_ok();
    if !ended {
        task.abort();
    }
    ended
}
