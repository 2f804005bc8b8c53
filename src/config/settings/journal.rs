//! `[journal]`: the durable queue.

use std::time::Duration;

use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, minutes, secs};

choice! {
    /// When a sender is told success.
    pub enum SyncMode {
        /// After its bytes are synced to disk.
        Always = "always",
        /// After its bytes are written; the disk is synced on a timer.
        Interval = "interval",
        /// As soon as its bytes are in memory; nothing is written.
        Memory = "memory",
    }
}

choice! {
    /// What happens when the journal is full.
    pub enum WhenFull {
        /// Senders are refused and come back.
        Refuse = "refuse",
        /// The oldest segment is given up and its items are counted as dropped.
        DropOldest = "drop_oldest",
    }
}

section! {
    /// The durable queue.
    pub struct JournalSettings {
        /// When a sender is told success: `always` after its bytes are synced to disk (a crash or power cut loses nothing that was
        /// acknowledged), `interval` after they are written (a power cut may lose the last `sync_every`), `memory` when they are
        /// in memory (a restart loses what waits).
        sync: SyncMode = SyncMode::Always;
        /// The time between two syncs with `sync = "interval"`.
        sync_every: Duration = millis(100), within millis(1)..=minutes(1);
        /// The size of one file of the journal, allocated ahead. At least twice `receive.max_inflated`, so that the largest
        /// request with its names fits.
        segment_bytes: ByteSize = ByteSize::mib(64), within ByteSize::kib(64)..=ByteSize::gib(4);
        /// Disk that the journal may use. At least three segments.
        max_bytes: ByteSize = ByteSize::gib(2), within ByteSize::kib(192)..=ByteSize::tib(16);
        /// How long a batch may wait in the journal before it is dropped, whatever its exports do. "none": as long as there is room.
        max_age: Option<Duration> = None, within secs(1)..=hours(24 * 365);
        /// What happens at `max_bytes`: `refuse` new requests (senders keep them and retry) or `drop_oldest` (counted).
        when_full: WhenFull = WhenFull::Refuse;
        /// Memory for recent batches, so that exports that keep up need not read the disk. With `sync = "memory"`
        /// this is all the queue there is, and must be at least `receive.max_inflated`.
        memory_bytes: ByteSize = ByteSize::mib(32), within ByteSize(0)..=ByteSize::gib(64);
    }
}
