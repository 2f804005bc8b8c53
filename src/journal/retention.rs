//! Which segments the log keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::ledger::{DropReason, Fate};

use super::disk::Disk;
use super::log::Log;
use super::mark::Mark;
use super::segment::Segment;
use super::shared::Shared;
use super::subscription::Subscription;
use super::track::Contents;
use super::walk::Walker;

/// Puts a new, empty segment at the log's end.
pub(super) fn add_segment(shared: &Shared, segment: &Arc<Segment>) {
    let mut log = shared.log();
    log.segments.push_back(Arc::clone(segment));
    note_next_retirement(shared, &log);
}

/// Takes a segment that failed before its first record was committed out of the log.
pub(super) fn drop_if_empty(shared: &Shared, disk: &Disk, segment: &Arc<Segment>) {
    let mut log = shared.log();
    if log.end.position != segment.base.position {
        return;
    }
    log.segments.retain(|other| !Arc::ptr_eq(other, segment));
    note_next_retirement(shared, &log);
    drop(log);
    disk.retire(segment, false);
}

/// Makes the cursors durable, then retires the segments that all of them have passed. Whether
/// there was one.
pub(super) fn retire_settled(shared: &Shared, disk: &Disk) -> bool {
    let _one_at_a_time = shared.retention();
    let synced = shared.synced();
    for export in &shared.subscriptions {
        // A failure is counted; the segments stay until a later round succeeds.
        drop(export.sync(synced));
    }
    let durable = shared
        .subscriptions
        .iter()
        .map(|export| export.durable_position());
    let durable = durable.min().unwrap_or(u64::MAX);
    let mut retired = false;
    while let Some((segment, _)) = pop_oldest(shared, |_, end| end.position <= durable) {
        disk.retire(&segment, true);
        retired = true;
    }
    note_next_retirement(shared, &shared.log());
    retired
}

/// Drops the oldest segment, whoever still needs it. Whether there was one to drop.
pub(super) fn evict_oldest(shared: &Shared, disk: &Disk) -> bool {
    let _one_at_a_time = shared.retention();
    drop_oldest(shared, disk, DropReason::Evicted, |_| true)
}

/// Drops the segments whose newest record is too old.
pub(super) fn expire(shared: &Shared, disk: &Disk) {
    let Some(before) = shared.expired_before_unix_ms() else {
        return;
    };
    let _one_at_a_time = shared.retention();
    let is_old = |segment: &Segment| segment.newest_unix_ms.load(Relaxed) < before;
    while drop_oldest(shared, disk, DropReason::Expired, is_old) {}
}

fn drop_oldest(
    shared: &Shared,
    disk: &Disk,
    reason: DropReason,
    applies: impl Fn(&Segment) -> bool,
) -> bool {
    let Some((segment, end)) = oldest(&shared.log(), |segment, _| applies(segment)) else {
        return false;
    };
    let synced = shared.synced();
    for export in &shared.subscriptions {
        take_from(export, &segment, end, reason);
        export.progress().save(synced);
    }
    pop_oldest(shared, |_, _| true);
    note_next_retirement(shared, &shared.log());
    disk.retire(&segment, true);
    true
}

/// Moves an export to the segment's end and counts what it had not been handed. Batches in flight
/// stay in flight: their delivery may still succeed.
fn take_from(export: &Subscription, segment: &Segment, end: Mark, reason: DropReason) {
    loop {
        let from = export.next_mark();
        if from.position >= end.position {
            return;
        }
        let records = contents(
            segment,
            from.position.max(segment.base.position),
            end.position,
        );
        let mut progress = export.progress();
        let track = &mut progress.track;
        if track.next().position != from.position {
            continue;
        }
        for (at, behind, contents) in records {
            let gap = if at.position == from.position {
                reason
            } else {
                DropReason::Corrupted
            };
            export.close_gap(track, at, gap);
            export.pass_locked(track, behind, contents, Some(Fate::Dropped(reason)));
        }
        export.close_gap(track, end, DropReason::Corrupted);
        export.publish(track);
    }
}

/// The readable records of a stretch of a segment.
fn contents(segment: &Segment, from: u64, end: u64) -> Vec<(Mark, Mark, Contents)> {
    let mut walker = Walker::new(segment, end);
    let mut records = Vec::new();
    let mut at = from;
    loop {
        let found = walker.record_at(at);
        if let Some((header, services)) = found {
            at = header.end().position;
            records.push((header.at, header.end(), Contents::read(&header, services)));
        } else if let Some(header) = walker.find_after(at) {
            segment.note_damage();
            at = header.at.position;
        } else {
            return records;
        }
    }
}

/// The oldest segment and where it ends, if it is not the one written to and `applies`.
fn oldest(log: &Log, applies: impl Fn(&Segment, Mark) -> bool) -> Option<(Arc<Segment>, Mark)> {
    let (segment, next) = (log.segments.front()?, log.segments.get(1)?);
    applies(segment, next.base).then(|| (Arc::clone(segment), next.base))
}

fn pop_oldest(
    shared: &Shared,
    applies: impl Fn(&Segment, Mark) -> bool,
) -> Option<(Arc<Segment>, Mark)> {
    let mut log = shared.log();
    let found = oldest(&log, applies)?;
    log.segments.pop_front();
    Some(found)
}

fn note_next_retirement(shared: &Shared, log: &Log) {
    let next = log
        .segments
        .get(1)
        .map_or(u64::MAX, |second| second.base.position);
    shared.retire_at.store(next, Relaxed);
}
