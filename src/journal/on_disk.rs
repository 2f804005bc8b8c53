//! Opening a journal on disk, and its two threads.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::otlp::Batch;

use super::cursor_files;
use super::disk::{Disk, SPARE_SUFFIX};
use super::error::{AppendError, JournalError};
use super::keeper;
use super::log::Log;
use super::options::{JournalOptions, Subscriber};
use super::queue::{Pending, Queue};
use super::record;
use super::recovery::{self, Recovery, Survey};
use super::restore::Restore;
use super::segment::Segment;
use super::shared::Shared;
use super::slot::Slots;
use super::storage::{Storage, failed};
use super::subscription::Subscription;
use super::writer::Writer;

const LOCK_FILE: &str = "lock";
/// A limit holds at least so many segments, so that it can free one without freeing all.
const MIN_SEGMENTS: u64 = 4;
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 4 << 10..=1 << 30;

/// The journal's threads and what they share with the handles.
#[derive(Debug)]
pub(super) struct OnDisk {
    disk: Arc<Disk>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Opens the journal in `options.dir`.
pub(super) fn open(
    options: JournalOptions,
    storage: Arc<dyn Storage>,
    subscribers: Vec<Subscriber>,
) -> Result<(Arc<Shared>, OnDisk, Recovery), JournalError> {
    let dir = options.dir.clone();
    storage.create_dir(&dir).map_err(failed("create", &dir))?;
    let lock = lock(&*storage, &dir)?;
    let names = storage.list(&dir).map_err(failed("list", &dir))?;
    let wanted: Vec<_> = subscribers
        .iter()
        .map(|export| {
            (
                export.name.clone(),
                export.signals,
                export.account.max_services(),
            )
        })
        .collect();
    let mut survey =
        recovery::survey(&*storage, &dir, &names, &wanted).map_err(failed("read", &dir))?;
    let disk = Arc::new(disk(&options, &storage, survey.session, lock));
    adopt(&disk, &names, &mut survey);
    let exports = std::mem::take(&mut survey.exports);
    let subscriptions = subscribe(&*storage, &dir, &survey, exports, subscribers)?;
    let active = active(&survey);
    let shared = Arc::new(Shared::new(options, subscriptions, log(&survey)));
    secure_cursors(&*storage, &dir, &shared)?;
    forget_removed(&*storage, &dir, &survey.recovery);
    let on_disk = start(&shared, disk, survey.session, active)?;
    Ok((shared, on_disk, survey.recovery))
}

fn lock(storage: &dyn Storage, dir: &Path) -> Result<Box<dyn Any + Send + Sync>, JournalError> {
    let path = dir.join(LOCK_FILE);
    let lock = storage.lock(&path).map_err(failed("lock", &path))?;
    lock.ok_or_else(|| JournalError::InUse {
        dir: dir.to_owned(),
    })
}

fn disk(
    options: &JournalOptions,
    storage: &Arc<dyn Storage>,
    session: u64,
    lock: Box<dyn Any + Send + Sync>,
) -> Disk {
    let segment_bytes = options.segment_bytes.min(options.max_bytes / MIN_SEGMENTS);
    let segment_bytes = segment_bytes.clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
    let limits = (
        segment_bytes / record::ALIGNMENT * record::ALIGNMENT,
        options.max_bytes,
    );
    Disk::new(
        Arc::clone(storage),
        options.dir.clone(),
        limits,
        session,
        lock,
    )
}

/// Tells the disk which files there are.
fn adopt(disk: &Disk, names: &[String], survey: &mut Survey) {
    survey
        .segments
        .iter()
        .for_each(|segment| disk.adopt(segment.len));
    for segment in survey.empty.drain(..) {
        disk.adopt(segment.len);
        disk.retire(&segment, false);
    }
    for name in names.iter().filter(|name| name.ends_with(SPARE_SUFFIX)) {
        disk.adopt_spare(name.clone());
    }
}

fn subscribe(
    storage: &dyn Storage,
    dir: &Path,
    survey: &Survey,
    exports: Vec<Restore>,
    subscribers: Vec<Subscriber>,
) -> Result<Vec<Arc<Subscription>>, JournalError> {
    let begin = survey
        .segments
        .first()
        .map_or(survey.end, |segment| segment.base);
    let mut subscriptions = Vec::with_capacity(subscribers.len());
    for ((subscriber, export), last) in subscribers
        .into_iter()
        .zip(exports)
        .zip(&survey.last_copies)
    {
        let paths = cursor_files::paths(dir, &subscriber.name);
        let slots = Slots::open(storage, &paths, (survey.session, subscriber.signals), *last);
        let slots = slots.map_err(failed("open", &paths[0]))?;
        let first = export.first_mark(begin, survey.end);
        subscriptions.push(Arc::new(export.subscribe(subscriber, first, slots)));
    }
    Ok(subscriptions)
}

/// The segment to write on. What an earlier run wrote last may not be durable yet.
fn active(survey: &Survey) -> Option<Arc<Segment>> {
    let last = survey.segments.last().filter(|_| survey.continues)?;
    last.file.sync_data().is_ok().then(|| Arc::clone(last))
}

fn log(survey: &Survey) -> Log {
    Log {
        segments: survey.segments.iter().cloned().collect(),
        end: survey.end,
        synced: survey.end,
        ..Log::default()
    }
}

/// A new export is owed everything from here on: its cursor must be durable before the first append.
fn secure_cursors(storage: &dyn Storage, dir: &Path, shared: &Shared) -> Result<(), JournalError> {
    let synced = shared.synced();
    for export in &shared.subscriptions {
        let path = &cursor_files::paths(dir, &export.name)[0];
        export.sync(synced).map_err(failed("write", path))?;
    }
    storage.sync_dir(dir).map_err(failed("sync", dir))
}

fn forget_removed(storage: &dyn Storage, dir: &Path, recovery: &Recovery) {
    for export in &recovery.removed_exports {
        for path in cursor_files::paths(dir, &export.name) {
            drop(storage.remove(&path));
        }
    }
}

fn start(
    shared: &Arc<Shared>,
    disk: Arc<Disk>,
    session: u64,
    active: Option<Arc<Segment>>,
) -> Result<OnDisk, JournalError> {
    let queue = Arc::new(Queue::default());
    let files = (Arc::clone(&disk), Arc::clone(&queue));
    let writer = Writer::new(Arc::clone(shared), files, session, active);
    let on_disk = OnDisk {
        disk,
        queue,
        shared: Arc::clone(shared),
        threads: Mutex::default(),
    };
    on_disk.spawn("journal", move || writer.run())?;
    let (shared, disk) = (Arc::clone(shared), Arc::clone(&on_disk.disk));
    on_disk.spawn("journal-keeper", move || keeper::run(&shared, &disk))?;
    Ok(on_disk)
}

impl OnDisk {
    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(JournalError::Thread)?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        Ok(())
    }

    /// Appends a batch; returns once the writer has committed it.
    pub(super) async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        let len = record::record_len(&batch);
        let limit_bytes = self.disk.segment_bytes;
        if len > limit_bytes {
            return Err(AppendError::TooLarge { len, limit_bytes });
        }
        let payload_crc = crc32fast::hash(&batch.bytes);
        let (done, answer) = oneshot::channel();
        if !self.queue.push(Pending {
            batch,
            payload_crc,
            len,
            done,
        }) {
            return Err(AppendError::Closed);
        }
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Whether both threads run.
    pub(super) fn is_alive(&self) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        !threads.is_empty() && !threads.iter().any(JoinHandle::is_finished)
    }

    /// Bytes of all segment and spare files.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.disk.allocated()
    }

    /// Blocks until everything is written and both threads have ended.
    pub(super) fn close(&self) {
        self.stop();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            drop(thread.join());
        }
        self.shared.log().closed = true;
        self.shared
            .subscriptions
            .iter()
            .for_each(|export| export.close());
        self.secure();
    }

    /// Makes the cursors durable, twice: at rest damage to one copy then costs nothing.
    fn secure(&self) {
        let _one_at_a_time = self.shared.retention();
        let synced = self.shared.synced();
        for export in self
            .shared
            .subscriptions
            .iter()
            .chain(&self.shared.subscriptions)
        {
            // A failure is counted; what it costs is that batches are delivered again.
            drop(export.sync(synced));
        }
    }

    #[cfg(test)]
    pub(super) fn keep_house(&self) {
        keeper::keep(&self.shared, &self.disk);
    }

    fn stop(&self) {
        self.queue.close();
        self.shared.bell.stop();
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.stop();
    }
}
