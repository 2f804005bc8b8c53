//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a batch was not appended. Nothing of it was kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal is at its limit and set to refuse. Worth another try once exports caught up.
    #[error("the journal is full: {limit_bytes} bytes wait for delivery")]
    Full {
        /// The configured limit.
        limit_bytes: u64,
    },
    /// The disk failed. Worth another try: the journal tries again by itself.
    #[error("the journal cannot write: {0}")]
    Disk(#[source] Arc<io::Error>),
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// The batch does not fit the journal at all. Never worth another try.
    #[error("a batch of {len} bytes is larger than the journal takes ({limit_bytes})")]
    TooLarge {
        /// The record's length in bytes.
        len: u64,
        /// The most the journal takes.
        limit_bytes: u64,
    },
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds the directory.
    #[error("{} is in use by another process; give each agent its own data_dir", .dir.display())]
    InUse {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// A file or directory could not be used at all.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, such as "create".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Two subscribers bear one name.
    #[error("two exports are named {name:?}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A thread could not be started.
    #[error("cannot start a journal thread: {0}")]
    Thread(#[source] io::Error),
}
