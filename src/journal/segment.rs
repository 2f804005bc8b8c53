//! One file of the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::mark::Mark;
use super::storage::{StorageFile, stubbornly};

/// A stretch of the log: records from `base` up to the next segment's base.
#[derive(Debug)]
pub(super) struct Segment {
    /// Distinguishes the lives of a recycled file; grows with every new segment. Records are
    /// checksummed with it, so that those of an earlier life never pass.
    pub(super) id: u64,
    pub(super) base: Mark,
    pub(super) file: Arc<dyn StorageFile>,
    /// The file's length in bytes.
    pub(super) len: u64,
    /// When the newest record was received.
    pub(super) newest_unix_ms: AtomicU64,
    /// Found damaged: the file is set aside in the end and not used again.
    pub(super) damaged: AtomicBool,
}

const SUFFIX: &str = ".segment";

impl Segment {
    pub(super) fn new(id: u64, base: Mark, file: Arc<dyn StorageFile>, len: u64) -> Segment {
        Segment {
            id,
            base,
            file,
            len,
            newest_unix_ms: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
        }
    }

    /// Where the record at a log position stands in the file.
    pub(super) fn offset(&self, position: u64) -> u64 {
        position - self.base.position
    }

    /// What checksums start from.
    pub(super) fn seed(&self) -> u32 {
        seed(self.id)
    }

    /// The file's name.
    pub(super) fn name(&self) -> String {
        name(self.base.position, self.id)
    }

    /// Reads at a log position until `into` is full or the file ends. One failure may pass.
    pub(super) fn read(&self, into: &mut [u8], position: u64) -> io::Result<usize> {
        stubbornly(|| self.file.read_full_at(into, self.offset(position)))
    }

    pub(super) fn note_received(&self, unix_ms: u64) {
        self.newest_unix_ms.fetch_max(unix_ms, Relaxed);
    }

    pub(super) fn note_damage(&self) {
        self.damaged.store(true, Relaxed);
    }
}

/// What the checksums of segment `id` start from.
pub(super) fn seed(id: u64) -> u32 {
    (id ^ id >> 32) as u32
}

/// The name of a segment file: where it begins, then its id, so that names sort as the log does.
pub(super) fn name(base: u64, id: u64) -> String {
    format!("{base:016x}-{id:016x}{SUFFIX}")
}

/// The base position and id that a segment file's name tells.
pub(super) fn parse_name(name: &str) -> Option<(u64, u64)> {
    let (base, id) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let number = |digits: &str| match digits.len() {
        16 => u64::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    Some((number(base)?, number(id)?))
}
