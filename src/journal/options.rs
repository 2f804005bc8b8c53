//! What a journal is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::Account;
use crate::otlp::SignalSet;

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Once its bytes are on stable storage.
    Always,
    /// Once its bytes are with the operating system, which is asked to make them stable at this
    /// interval. A killed process loses nothing; a power cut loses at most the interval.
    Interval(Duration),
    /// Once it is in memory. There are no files; the end of the process loses what waits.
    Memory,
}

/// What an append does when the journal is at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It fails with [`super::AppendError::Full`], so that the sender keeps the data.
    Refuse,
    /// It drops the oldest segment (in memory: the oldest batches) and counts what that cost.
    DropOldest,
}

/// Where the journal lies and what limits it has.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// The journal's directory; created where it is missing. Unused in memory mode.
    pub dir: PathBuf,
    /// When an append is acknowledged.
    pub sync: SyncMode,
    /// The length of a segment file. No batch may be larger. At most a quarter of `max_bytes`.
    pub segment_bytes: u64,
    /// The most that segment files, spare ones included, may occupy.
    pub max_bytes: u64,
    /// Batches that have waited longer are dropped.
    pub max_age: Option<Duration>,
    /// What an append does at the limit.
    pub when_full: WhenFull,
    /// Disk modes: the newest batches kept in memory for exports that keep up. Memory mode: the
    /// most that may wait.
    pub memory_bytes: u64,
}

/// An export that reads the journal.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// The export's name; its cursor file is named after it.
    pub name: String,
    /// The signals that it wants.
    pub signals: SignalSet,
    /// Where its items are counted.
    pub account: Arc<Account>,
}
