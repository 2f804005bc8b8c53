//! The durable queue: one log on disk, one cursor for each export.
//!
//! **Writing.** Senders queue their batches; one thread (`writer`) writes all that wait with one
//! write and one sync, then counts them, shows them to the cursors and answers the senders. While
//! the disk syncs, the next group gathers.
//!
//! **The log** is a row of segment files of one length. A position counts bytes since the log began
//! and is never used twice: a file that is recycled holds only records of smaller positions, so
//! what is left of its past never passes for a record. Each record carries the number of items
//! before it (`mark`); whatever becomes unreadable, its items are known from the next record on.
//!
//! **Torn or damaged.** Each record also says what was durable when it was written. An unreadable
//! place that a later record, a later segment or a cursor file calls durable is damage: it is
//! counted and passed over. Any other was never acknowledged, and the log ends there (`recovery`).
//!
//! **A file that failed once** is sealed behind its last acknowledged record and not written again:
//! after a failed sync nobody knows what the kernel still holds. The log goes on in a new file.
//!
//! **Reading.** A cursor takes batches from the log's tail in memory where it keeps up, else from
//! the files in large pieces (`reader`); either way as shared bytes. What an export settles, in
//! any order, moves its durable cursor over the settled prefix (`track`, `slot`), whose
//! counters stand in the same file: after a restart the ledger is the prefix's counters plus what a
//! walk over the rest finds waiting.
//!
//! **Housekeeping** (`keeper`, `retention`) makes cursors durable every second, retires what
//! all have passed only after that, and drops what is too old.
//!
//! Deliberately absent: an index (positions and a walk are enough), any decoding of payloads, and
//! deletion inside a segment.

mod cursor;
mod cursor_files;
mod disk;
mod error;
mod handle;
mod keeper;
mod log;
mod mark;
mod memory;
mod on_disk;
mod options;
mod queue;
mod reader;
mod record;
mod recovery;
mod restore;
mod retention;
mod segment;
mod shared;
mod slot;
mod stats;
mod storage;
mod subscription;
mod tail;
mod track;
mod walk;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use cursor::{Cursor, Entry, Settler};
pub use error::{AppendError, JournalError};
pub use handle::{Journal, Opened};
pub use options::{JournalOptions, Subscriber, SyncMode, WhenFull};
pub use recovery::{Recovery, RemovedExport};
pub use stats::{JournalStats, SyncTimes};
pub use storage::{DiskStorage, Storage, StorageFile};
