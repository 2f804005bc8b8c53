//! The journal's directory: segment files, spare files, what is set aside.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mark::Mark;
use super::segment::{self, Segment};
use super::storage::{Storage, StorageFile};

/// Retired files kept for use as new segments.
const MAX_SPARES: usize = 2;
/// Damaged files kept for a person to look at; the oldest give way.
const MAX_SET_ASIDE: usize = 8;
pub(super) const SPARE_SUFFIX: &str = ".spare";
pub(super) const DAMAGED_DIR: &str = "damaged";

/// The files, and how many bytes they may take.
#[derive(Debug)]
pub(super) struct Disk {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    pub(super) segment_bytes: u64,
    max_bytes: u64,
    /// Bytes of all segment and spare files.
    allocated: AtomicU64,
    /// Grows with every file, so that a name is never used twice.
    next_id: AtomicU64,
    spare: Mutex<Spare>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// Files that are not part of the log.
#[derive(Debug, Default)]
struct Spare {
    ready: Vec<SpareFile>,
    /// Names that could not be removed yet, and their lengths.
    trash: Vec<(String, u64)>,
}

#[derive(Debug)]
struct SpareFile {
    name: String,
    file: Arc<dyn StorageFile>,
}

/// Why there is no new segment.
#[derive(Debug)]
pub(super) enum NoSegment {
    /// The limit is reached.
    Full,
    /// The disk failed.
    Io(io::Error),
}

impl From<io::Error> for NoSegment {
    fn from(error: io::Error) -> NoSegment {
        NoSegment::Io(error)
    }
}

impl Disk {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        dir: PathBuf,
        limits: (u64, u64),
        first_id: u64,
        lock: Box<dyn Any + Send + Sync>,
    ) -> Disk {
        let (segment_bytes, max_bytes) = limits;
        Disk {
            storage,
            dir,
            segment_bytes,
            max_bytes,
            allocated: AtomicU64::new(0),
            next_id: AtomicU64::new(first_id),
            spare: Mutex::default(),
            _lock: lock,
        }
    }

    /// Bytes of all segment and spare files.
    pub(super) fn allocated(&self) -> u64 {
        self.allocated.load(Relaxed)
    }

    /// Counts a file that start-up found.
    pub(super) fn adopt(&self, len: u64) {
        self.allocated.fetch_add(len, Relaxed);
    }

    /// Keeps a spare file that start-up found, or removes it where it does not fit.
    pub(super) fn adopt_spare(&self, name: String) {
        let path = self.path(&name);
        let fitting = |file: Arc<dyn StorageFile>| match file.len_bytes() {
            Ok(len) if len == self.segment_bytes => Some(file),
            _ => None,
        };
        let file = self.storage.open(&path).ok().and_then(fitting);
        let mut spare = self.spare();
        match file {
            Some(file) if spare.ready.len() < MAX_SPARES => {
                self.adopt(self.segment_bytes);
                spare.ready.push(SpareFile { name, file });
            }
            _ => self.discard(&mut spare, name, 0),
        }
    }

    /// A durable, empty segment at `base`, from a spare file where there is one.
    pub(super) fn new_segment(&self, base: Mark) -> Result<Segment, NoSegment> {
        let id = self.next_id.fetch_add(1, Relaxed);
        let name = segment::name(base.position, id);
        let spare = self.spare().ready.pop();
        let file = match spare {
            Some(spare) => self.rename_spare(spare, &name)?,
            None => self.create(&name)?,
        };
        if let Err(error) = self.storage.sync_dir(&self.dir) {
            self.discard(&mut self.spare(), name, self.segment_bytes);
            return Err(error.into());
        }
        Ok(Segment::new(id, base, file, self.segment_bytes))
    }

    fn rename_spare(&self, spare: SpareFile, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        match self
            .storage
            .rename(&self.path(&spare.name), &self.path(name))
        {
            Ok(()) => Ok(spare.file),
            Err(error) => {
                self.discard(&mut self.spare(), spare.name, self.segment_bytes);
                Err(error)
            }
        }
    }

    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>, NoSegment> {
        if self.allocated() + self.segment_bytes > self.max_bytes {
            return Err(NoSegment::Full);
        }
        self.adopt(self.segment_bytes);
        let made = self.allocated_file(name);
        made.map_err(|error| {
            self.discard(&mut self.spare(), name.to_owned(), self.segment_bytes);
            error.into()
        })
    }

    /// Whether there may be a new segment.
    pub(super) fn has_room(&self) -> bool {
        self.allocated() + self.segment_bytes <= self.max_bytes || !self.spare().ready.is_empty()
    }

    /// Whether a spare file should be made.
    pub(super) fn wants_spare(&self) -> bool {
        self.spare().ready.is_empty() && self.allocated() + self.segment_bytes <= self.max_bytes
    }

    /// Makes a spare file, so that the writer need not wait for a new one.
    ///
    /// Its blocks are reserved and not written. Writing zeros first would make the commits in it
    /// cheaper, as in recycled files, by less than the zeros cost: a growing backlog would be
    /// written twice.
    pub(super) fn prepare_spare(&self) -> io::Result<()> {
        let name = self.spare_name();
        self.adopt(self.segment_bytes);
        match self.allocated_file(&name) {
            Ok(file) => {
                self.spare().ready.push(SpareFile { name, file });
                Ok(())
            }
            Err(error) => {
                self.discard(&mut self.spare(), name, self.segment_bytes);
                Err(error)
            }
        }
    }

    fn allocated_file(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.storage.create(&self.path(name))?;
        file.allocate(self.segment_bytes)?;
        file.sync_data()?;
        Ok(file)
    }

    /// Takes a segment out of the log for good: sets it aside where it is damaged, else keeps it as
    /// a spare file or removes it.
    pub(super) fn retire(&self, segment: &Segment, trusted: bool) {
        let mut spare = self.spare();
        if segment.damaged.load(Relaxed) {
            self.set_aside(&segment.name());
            self.allocated.fetch_sub(segment.len, Relaxed);
            return;
        }
        let fits = segment.len == self.segment_bytes && spare.ready.len() < MAX_SPARES;
        if !(trusted && fits) {
            self.discard(&mut spare, segment.name(), segment.len);
            return;
        }
        let name = self.spare_name();
        match self
            .storage
            .rename(&self.path(&segment.name()), &self.path(&name))
        {
            Ok(()) => spare.ready.push(SpareFile {
                name,
                file: Arc::clone(&segment.file),
            }),
            Err(_) => self.discard(&mut spare, segment.name(), segment.len),
        }
    }

    /// Moves a file to `damaged/`, or removes it where that fails; says where it is.
    pub(super) fn set_aside(&self, name: &str) {
        set_aside(&*self.storage, &self.dir, name);
    }

    /// Removes what could not be removed before.
    pub(super) fn empty_trash(&self) {
        let mut spare = self.spare();
        for (name, len) in std::mem::take(&mut spare.trash) {
            self.discard(&mut spare, name, len);
        }
    }

    fn discard(&self, spare: &mut Spare, name: String, len: u64) {
        match self.storage.remove(&self.path(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => spare.trash.push((name, len)),
            _ => drop(self.allocated.fetch_sub(len, Relaxed)),
        }
    }

    fn spare_name(&self) -> String {
        format!("{:016x}{SPARE_SUFFIX}", self.next_id.fetch_add(1, Relaxed))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves `dir/name` to `dir/damaged/name`; removes it where that fails. The oldest give way.
pub(super) fn set_aside(storage: &dyn Storage, dir: &Path, name: &str) {
    let damaged = dir.join(DAMAGED_DIR);
    let moved = storage
        .create_dir(&damaged)
        .and_then(|()| storage.rename(&dir.join(name), &damaged.join(name)));
    if moved.is_err() {
        drop(storage.remove(&dir.join(name)));
        return;
    }
    let mut names = storage.list(&damaged).unwrap_or_default();
    names.sort();
    for old in names.iter().take(names.len().saturating_sub(MAX_SET_ASIDE)) {
        drop(storage.remove(&damaged.join(old)));
    }
}
