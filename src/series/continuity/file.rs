//! The file: a head, then frames of records, each with a checksum.
//!
//! The head is a name, the version of the format, a number drawn for this file, and a checksum. A frame is its
//! length, a checksum, and records. The checksums of frames start from the file's number, so that nothing but
//! this file's own writing passes for a frame, whatever a label spells.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::journal::{Storage, StorageFile};

use super::record::Malformed;

const NAME: &[u8; 7] = b"LSSERIE";
const VERSION: u8 = 1;
const HEAD_LEN: usize = 20;
const FRAME_HEAD_LEN: usize = 8;

/// Frames are written when they reach this size.
pub(super) const FRAME_BYTES: usize = 256 << 10;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// What is to be kept takes more than the file may.
    #[error(
        "what must be kept exceeds {max_bytes} bytes (series.continuity_max_bytes); raise it, or keep fewer series"
    )]
    Full {
        /// The most that the file may take.
        max_bytes: u64,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct LogFile {
    file: Arc<dyn StorageFile>,
    number: u64,
    len: u64,
    max_bytes: u64,
    /// Whether there are bytes that a power cut may take.
    unsynced: bool,
}

impl LogFile {
    /// A file with nothing but its head, in the place of any other.
    pub(super) fn create(
        storage: &dyn Storage,
        path: &Path,
        max_bytes: u64,
    ) -> Result<LogFile, WriteError> {
        remove(storage, path)?;
        let number = fastrand::u64(..);
        let file = storage.create(path)?;
        file.write_all_at(&head(number), 0)?;
        Ok(LogFile {
            file,
            number,
            len: HEAD_LEN as u64,
            max_bytes,
            unsynced: true,
        })
    }

    /// Bytes written.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes `records` as a frame and empties them.
    pub(super) fn append(&mut self, records: &mut Vec<u8>) -> Result<(), WriteError> {
        if records.is_empty() {
            return Ok(());
        }
        let (max_bytes, frame_len) = (self.max_bytes, (FRAME_HEAD_LEN + records.len()) as u64);
        let len = u32::try_from(records.len()).map_err(|_| WriteError::Full { max_bytes })?;
        if self.len + frame_len > max_bytes {
            return Err(WriteError::Full { max_bytes });
        }
        let mut frame_head = [0; FRAME_HEAD_LEN];
        frame_head[..4].copy_from_slice(&len.to_le_bytes());
        frame_head[4..].copy_from_slice(&checksum(self.number, records).to_le_bytes());
        self.unsynced = true;
        self.file.write_all_at(&frame_head, self.len)?;
        let behind_head = self.len + FRAME_HEAD_LEN as u64;
        self.file.write_all_at(records, behind_head)?;
        self.len += frame_len;
        records.clear();
        Ok(())
    }

    /// Makes durable what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }
}

fn head(number: u64) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..7].copy_from_slice(NAME);
    head[7] = VERSION;
    head[8..16].copy_from_slice(&number.to_le_bytes());
    let sum = crc32fast::hash(&head[..16]);
    head[16..].copy_from_slice(&sum.to_le_bytes());
    head
}

fn checksum(number: u64, records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(records);
    hasher.finalize()
}

/// Why a file tells nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It was not written by this version.
    #[error("it is not a file of this version, or its head is damaged")]
    Head,
    /// A whole frame holds what no frame can hold.
    #[error("its records contradict each other")]
    Malformed,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl From<Malformed> for ReadError {
    fn from(Malformed: Malformed) -> ReadError {
        ReadError::Malformed
    }
}

/// Reads every whole frame up to the first that is not; answers with the bytes behind them, which were being
/// written when the process or the machine ended.
pub(super) fn read_frames(
    file: &dyn StorageFile,
    mut each: impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<u64, ReadError> {
    let len = file.len_bytes()?;
    let number = read_head(file)?;
    let (mut at, mut frame) = (HEAD_LEN as u64, Vec::new());
    while read_frame(file, number, (at, len), &mut frame)? {
        each(&frame)?;
        at += (FRAME_HEAD_LEN + frame.len()) as u64;
    }
    Ok(len - at)
}

fn read_head(file: &dyn StorageFile) -> Result<u64, ReadError> {
    let mut found = [0; HEAD_LEN];
    let read = file.read_full_at(&mut found, 0)?;
    let mut number = [0; 8];
    number.copy_from_slice(&found[8..16]);
    let number = u64::from_le_bytes(number);
    if read == HEAD_LEN && found == head(number) {
        Ok(number)
    } else {
        Err(ReadError::Head)
    }
}

/// Reads the frame at `at` of `len`; false where there is no whole one.
fn read_frame(
    file: &dyn StorageFile,
    number: u64,
    (at, len): (u64, u64),
    frame: &mut Vec<u8>,
) -> io::Result<bool> {
    let mut frame_head = [0; FRAME_HEAD_LEN];
    if file.read_full_at(&mut frame_head, at)? < FRAME_HEAD_LEN {
        return Ok(false);
    }
    let [a, b, c, d, sum @ ..] = frame_head;
    let (frame_len, sum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(sum));
    let behind_head = at + FRAME_HEAD_LEN as u64;
    if frame_len == 0 || u64::from(frame_len) > len.saturating_sub(behind_head) {
        return Ok(false);
    }
    frame.resize(frame_len as usize, 0);
    let read = file.read_full_at(frame, behind_head)?;
    Ok(read == frame.len() && checksum(number, frame) == sum)
}

/// Removes a file that may not be there.
pub(super) fn remove(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
