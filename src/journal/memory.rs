//! Appending in memory mode: no files, no other thread.

use crate::ledger::{DropReason, Fate};
use crate::otlp::{Batch, SignalSet};

use super::error::AppendError;
use super::log::Log;
use super::options::WhenFull;
use super::record;
use super::shared::Shared;
use super::track::Contents;

/// Appends a batch that some export wants.
pub(super) fn append(shared: &Shared, batch: Batch) -> Result<(), AppendError> {
    let len = record::record_len(&batch);
    let signals = SignalSet::NONE.with(batch.signal);
    let mut log = shared.log();
    if log.closed {
        return Err(AppendError::Closed);
    }
    make_room(shared, &mut log, len)?;
    shared.enter(&batch);
    let at = log.end;
    log.end = at.after_batch(&batch);
    log.synced = log.end;
    log.tail.push(at, batch);
    drop(log);
    shared.counters.appended(1, len);
    shared.wake(signals);
    Ok(())
}

fn make_room(shared: &Shared, log: &mut Log, len: u64) -> Result<(), AppendError> {
    let limit_bytes = shared.options.memory_bytes;
    if len > limit_bytes {
        return Err(AppendError::TooLarge { len, limit_bytes });
    }
    if log.tail.bytes() + len > limit_bytes {
        log.tail.prune(shared.needed_from());
    }
    while log.tail.bytes() + len > limit_bytes {
        match shared.options.when_full {
            WhenFull::Refuse => return Err(AppendError::Full { limit_bytes }),
            WhenFull::DropOldest => evict_oldest(shared, log),
        }
    }
    Ok(())
}

/// Takes the oldest batch from the exports that were not handed it yet.
fn evict_oldest(shared: &Shared, log: &mut Log) {
    let Some((at, batch)) = log.tail.pop() else {
        return;
    };
    let end = at.after_batch(&batch);
    let fate = Some(Fate::Dropped(DropReason::Evicted));
    for export in &shared.subscriptions {
        export.pass(at, end, Contents::of(&batch), fate);
    }
}
