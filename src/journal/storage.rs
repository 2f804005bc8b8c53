//! The few things that the journal asks of a file system, so that tests can fail each of them.

use std::any::Any;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

/// A directory tree. A name is durable once its directory is synced.
pub trait Storage: Debug + Send + Sync {
    /// Creates a directory and its parents where they are missing.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>>;
    /// Opens a file for reading and writing; creates it where it is missing. Keeps what is in it.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>>;
    /// Renames a file, over an existing one if need be.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory, without directories, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes creations, renames and removals in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes a file's lock for as long as the answer lives; `None` where another process has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// An open file.
pub trait StorageFile: Debug + Send + Sync {
    /// Reads at an offset; 0 at or past the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at an offset, perhaps only a part.
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;
    /// Makes what was written durable, with the length where it changed.
    fn sync_data(&self) -> io::Result<()>;
    /// The length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;
    /// Reserves room so that the file is `len` bytes long and writing in it cannot run out of space.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Writes all of `bytes` at an offset.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write_vectored_at(&[IoSlice::new(bytes)], offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
            offset += written as u64;
        }
        Ok(())
    }

    /// Reads until `into` is full or the file ends; says how much was read.
    fn read_full_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match self.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// The real file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStorage;

impl Storage for DiskStorage {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl StorageFile for DiskFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwritev(&self.0, parts, offset)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match fallocate(&self.0, FallocateFlags::empty(), 0, len) {
            Err(rustix::io::Errno::OPNOTSUPP) => self.0.set_len(len),
            result => Ok(result?),
        }
    }
}

/// A failure that happens so often in a row is there to stay.
const TRIES: u32 = 3;
const RETRY: Duration = Duration::from_millis(20);

/// Tries something that changes nothing a few times: what reads fail once often succeeds next.
pub(super) fn stubbornly<T>(mut read: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for tried in 1..TRIES {
        match read() {
            Err(error) if is_about(&error) == Blame::File => std::thread::sleep(RETRY * tried),
            result => return result,
        }
    }
    read()
}

/// Whose fault a failed open or read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The file's: nothing but setting it aside helps.
    File,
    /// The surroundings': the file is whole and must not be given up.
    Surroundings,
    /// Nobody's: there is no such file.
    Missing,
}

/// Tells damage from a lack of permissions or descriptors.
pub(super) fn is_about(error: &io::Error) -> Blame {
    let errno = rustix::io::Errno::from_io_error(error);
    match error.kind() {
        io::ErrorKind::NotFound => Blame::Missing,
        io::ErrorKind::PermissionDenied | io::ErrorKind::OutOfMemory => Blame::Surroundings,
        _ if matches!(
            errno,
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
        ) =>
        {
            Blame::Surroundings
        }
        _ => Blame::File,
    }
}

/// Names the failed step and the file in an error that a person will read.
pub(super) fn failed<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> super::JournalError + 'a {
    move |source| super::JournalError::Io {
        action,
        path: PathBuf::from(path),
        source,
    }
}
