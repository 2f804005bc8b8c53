//! A file system in memory that tells written from synced bytes, fails on demand, and can crash.

use std::any::Any;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::storage::{Storage, StorageFile};

/// How the chosen operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// With an I/O error, without any effect.
    Clean,
    /// With an I/O error, after part of a write took effect. A failed sync leaves its data in the
    /// cache, marked as if it were safe.
    Dirty,
    /// A write does only a part and says so.
    Short,
}

/// A handle; clones share the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultStorage(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    files: HashMap<u64, Content>,
    names: BTreeMap<PathBuf, u64>,
    /// The names a power cut leaves, before `changes`.
    durable_names: BTreeMap<PathBuf, u64>,
    /// Changes of names since the last sync of their directory.
    changes: Vec<BTreeMap<PathBuf, u64>>,
    locked: HashSet<PathBuf>,
    next_inode: u64,
    operations: u64,
    fail_at: Option<(u64, Failure)>,
    space: Option<u64>,
    gone: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl Content {
    fn write(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
        if bytes.len() < offset + written.len() {
            bytes.resize(offset + written.len(), 0);
        }
        bytes[offset..offset + written.len()].copy_from_slice(written);
    }

    fn sync(&mut self) {
        for (offset, written) in self.unsynced.drain(..) {
            Content::write(&mut self.durable, offset, &written);
        }
    }

    /// What is left after a power cut: of each unsynced write all, nothing, or a torn part.
    fn torn(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut left = self.durable.clone();
        for (offset, written) in &self.unsynced {
            match random.u8(0..4) {
                0 => {}
                1 => Content::write(
                    &mut left,
                    *offset,
                    &written[..random.usize(0..=written.len())],
                ),
                2 => {
                    let from = random.usize(0..=written.len());
                    Content::write(&mut left, *offset + from, &written[from..]);
                }
                _ => Content::write(&mut left, *offset, written),
            }
        }
        left
    }
}

impl FaultStorage {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no panic while locked")
    }

    /// Fails the `nth` operation from now on, counted from 1.
    pub(crate) fn fail(&self, nth: u64, failure: Failure) {
        let mut world = self.world();
        world.fail_at = Some((world.operations + nth, failure));
    }

    /// Whether the operation chosen by [`FaultStorage::fail`] was reached.
    pub(crate) fn has_failed(&self) -> bool {
        let world = self.world();
        world.fail_at.is_some_and(|(at, _)| world.operations >= at)
    }

    /// How many bytes can still be allocated; `None` for any number.
    pub(crate) fn set_space(&self, space: Option<u64>) {
        self.world().space = space;
    }

    /// Ends the process: what was written stays, synced or not.
    pub(crate) fn kill(&self) -> FaultStorage {
        self.leave(|world| {
            let keep = |content: &Content| Content { ..content.clone() };
            (
                world.names.clone(),
                world
                    .files
                    .iter()
                    .map(|(id, file)| (*id, keep(file)))
                    .collect(),
            )
        })
    }

    /// Cuts the power: of what was not synced any part stays.
    pub(crate) fn power_cut(&self, random: &mut fastrand::Rng) -> FaultStorage {
        self.leave(|world| {
            let kept = random.usize(0..=world.changes.len());
            let names = match kept {
                0 => world.durable_names.clone(),
                kept => world.changes[kept - 1].clone(),
            };
            let mut files = HashMap::new();
            for (id, content) in &world.files {
                let bytes = content.torn(random);
                files.insert(
                    *id,
                    Content {
                        durable: bytes.clone(),
                        cached: bytes,
                        unsynced: Vec::new(),
                    },
                );
            }
            (names, files)
        })
    }

    fn leave(
        &self,
        left: impl FnOnce(&World) -> (BTreeMap<PathBuf, u64>, HashMap<u64, Content>),
    ) -> FaultStorage {
        let mut world = self.world();
        world.gone = true;
        let (names, files) = left(&world);
        let durable_names = names.clone();
        let next_inode = world.next_inode;
        FaultStorage(Arc::new(Mutex::new(World {
            files,
            names,
            durable_names,
            next_inode,
            ..World::default()
        })))
    }

    /// The files whose name ends so, in order.
    pub(crate) fn files(&self, suffix: &str) -> Vec<PathBuf> {
        let world = self.world();
        world
            .names
            .keys()
            .filter(|path| path.to_string_lossy().ends_with(suffix))
            .cloned()
            .collect()
    }

    /// Changes a file behind everyone's back.
    pub(crate) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let id = world.names[path];
        let content = world.files.get_mut(&id).expect("a named file");
        change(&mut content.cached);
        content.durable = content.cached.clone();
        content.unsynced.clear();
    }

    /// What is in a file.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let world = self.world();
        world.files[&world.names[path]].cached.clone()
    }
}

impl World {
    /// Counts an operation; how it is to fail.
    fn operate(&mut self) -> io::Result<Option<Failure>> {
        if self.gone {
            return Err(io::Error::other("the process is gone"));
        }
        self.operations += 1;
        match self.fail_at {
            Some((at, failure)) if at == self.operations => Ok(Some(failure)),
            _ => Ok(None),
        }
    }

    fn operate_or_fail(&mut self) -> io::Result<()> {
        match self.operate()? {
            Some(_) => Err(io::Error::other("injected")),
            None => Ok(()),
        }
    }

    fn named(&mut self, change: impl FnOnce(&mut BTreeMap<PathBuf, u64>)) {
        change(&mut self.names);
        self.changes.push(self.names.clone());
    }

    fn take_space(&mut self, bytes: u64) -> io::Result<()> {
        match &mut self.space {
            Some(space) if *space < bytes => Err(io::ErrorKind::StorageFull.into()),
            Some(space) => {
                *space -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[derive(Debug)]
struct FaultFile(FaultStorage, u64);

#[derive(Debug)]
struct FaultLock(FaultStorage, PathBuf);

impl Drop for FaultLock {
    fn drop(&mut self) {
        self.0.world().locked.remove(&self.1);
    }
}

impl Storage for FaultStorage {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.world().operate_or_fail()
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let mut world = self.world();
        world.operate_or_fail()?;
        let id = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(FaultFile(self.clone(), id)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let mut world = self.world();
        world.operate_or_fail()?;
        if let Some(id) = world.names.get(path) {
            return Ok(Arc::new(FaultFile(self.clone(), *id)));
        }
        world.next_inode += 1;
        let id = world.next_inode;
        world.files.insert(id, Content::default());
        world.named(|names| {
            names.insert(path.to_owned(), id);
        });
        Ok(Arc::new(FaultFile(self.clone(), id)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate_or_fail()?;
        let id = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.named(|names| {
            names.remove(from);
            names.insert(to.to_owned(), id);
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate_or_fail()?;
        let id = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let freed = world.files[&id].cached.len() as u64;
        world.space = world.space.map(|space| space + freed);
        world.named(|names| {
            names.remove(path);
        });
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut world = self.world();
        world.operate_or_fail()?;
        let inside = world.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate_or_fail()?;
        world.durable_names = world.names.clone();
        world.changes.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut world = self.world();
        world.operate_or_fail()?;
        if !world.locked.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(FaultLock(self.clone(), path.to_owned()))))
    }
}

impl StorageFile for FaultFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.0.world();
        world.operate_or_fail()?;
        let bytes = world.files[&self.1]
            .cached
            .get(offset as usize..)
            .unwrap_or_default();
        let len = bytes.len().min(into.len());
        into[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let mut world = self.0.world();
        let failure = world.operate()?;
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        match failure {
            Some(Failure::Clean) => return Err(io::Error::other("injected")),
            Some(_) => bytes.truncate(bytes.len() / 2),
            None => {}
        }
        let len = world.files[&self.1].cached.len();
        world.take_space((offset + bytes.len() as u64).saturating_sub(len as u64))?;
        let content = world.files.get_mut(&self.1).expect("an open file");
        Content::write(&mut content.cached, offset as usize, &bytes);
        let written = bytes.len();
        content.unsynced.push((offset as usize, bytes));
        match failure {
            Some(Failure::Dirty) => Err(io::Error::other("injected")),
            _ => Ok(written),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut world = self.0.world();
        let failure = world.operate()?;
        let content = world.files.get_mut(&self.1).expect("an open file");
        match failure {
            None => content.sync(),
            Some(Failure::Dirty) => content.unsynced.clear(),
            Some(_) => {}
        }
        failure.map_or(Ok(()), |_| Err(io::Error::other("injected")))
    }

    fn len_bytes(&self) -> io::Result<u64> {
        let mut world = self.0.world();
        world.operate_or_fail()?;
        Ok(world.files[&self.1].cached.len() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut world = self.0.world();
        world.operate_or_fail()?;
        let have = world.files[&self.1].cached.len() as u64;
        world.take_space(len.saturating_sub(have))?;
        let content = world.files.get_mut(&self.1).expect("an open file");
        if have < len {
            content.cached.resize(len as usize, 0);
            content
                .unsynced
                .push((have as usize, vec![0; (len - have) as usize]));
        }
        Ok(())
    }
}
