//! The durable queue: one log, one cursor for each export.

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
mod tests;

pub use cursor::{Cursor, Entry, Settler};
pub use error::{AppendError, JournalError};
pub use handle::{Journal, Opened};
pub use options::{JournalOptions, Subscriber, SyncMode, WhenFull};
pub use recovery::{Recovery, RemovedExport};
pub use stats::{JournalStats, SYNC_BOUNDS_US, SyncTimes};
pub use storage::{DiskStorage, Storage, StorageFile};
