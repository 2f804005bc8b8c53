//! Open-loop load: requests leave on a schedule whether or not earlier ones were answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::load::{Sender, Shot};
use crate::payload::ITEMS;

/// How long answers may take after the last request has left.
const GRACE: Duration = Duration::from_secs(5);

/// Sends `items_per_second` for `phase`. Each request's time counts from when it was due, so that a
/// stalled receiver shows in every request that had to wait behind the stall. The schedule is kept by
/// this thread, whose sleep is finer than a runtime's timer.
pub fn on_schedule(
    runtime: &Runtime,
    sender: &Arc<Sender>,
    items_per_second: u32,
    phase: Duration,
) -> Vec<Shot> {
    let gap = Duration::from_secs(1) * ITEMS as u32 / items_per_second;
    let started = Instant::now();
    let mut shots = JoinSet::new();
    let mut due = started;
    while due < started + phase {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sender = sender.clone();
        shots.spawn_on(async move { sender.shoot(due).await }, runtime.handle());
        due += gap;
    }
    runtime.block_on(gather(shots))
}

async fn gather(mut shots: JoinSet<Shot>) -> Vec<Shot> {
    let expected = shots.len();
    let mut done = Vec::with_capacity(expected);
    let all = async {
        while let Some(shot) = shots.join_next().await {
            done.extend(shot);
        }
    };
    // What is still unanswered then is missing from the accepted requests, which the row shows.
    let _ = tokio::time::timeout(GRACE, all).await;
    let unanswered = expected - done.len();
    let late = || Shot {
        result: Err("no answer within 5 s".into()),
        took: GRACE,
    };
    done.extend(std::iter::repeat_with(late).take(unanswered));
    done
}
