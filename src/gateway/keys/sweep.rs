//! Sweeping away keys whose time is over.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::store::{Store, StoreError};

/// So many keys at a time, so that nobody waits for a sweep.
const BATCH: u32 = 500;

/// Sweeps `store` every so often. It never ends by itself.
pub(crate) async fn sweep_for_ever(store: Store, every: Duration) {
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failed: Option<StoreError> = None;
    loop {
        turns.tick().await;
        let error = sweep(&store).await.err();
        // Once for as long as it is the same.
        if let Some(error) = error
            .as_ref()
            .filter(|error| failed.as_ref() != Some(error))
        {
            warn!("keys are not swept: {error}");
        }
        failed = error;
    }
}

async fn sweep(store: &Store) -> Result<(), StoreError> {
    loop {
        let swept = store.sweep(BATCH).await?;
        for expired in &swept.expired {
            let (route, key, owner) = (&expired.route, &expired.key, &expired.owner);
            warn!(
                route,
                key,
                owner,
                "the outcome of a request is unknown: who held its key let it go without a word"
            );
        }
        debug!(
            removed = swept.removed,
            "keys whose time is over are removed"
        );
        if swept.expired.len().max(swept.removed) < BATCH as usize {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}
