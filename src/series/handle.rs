//! The way to the thread that owns the series: a queue bounded in bytes.
//!
//! Requests and questions stand in one queue, so who was told success finds his data in the next answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::{io, thread};

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::state::SeriesState;
use super::store::Moment;
use super::worker::{self, Work};
use crate::otlp::Signal;

/// The handle to the series. Cheap to clone.
pub type SeriesHandle = Handle<SeriesState>;

/// The handle to a thread that owns a `W`.
#[derive(Debug)]
pub struct Handle<W> {
    inner: Arc<Inner<W>>,
}

impl<W> Clone for Handle<W> {
    fn clone(&self) -> Handle<W> {
        Handle {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<W> {
    queue: Sender<Message<W>>,
    room: Arc<Room>,
}

/// What stands in the queue.
pub(super) enum Message<W> {
    /// A request to take in.
    Request(Request),
    /// A question, which answers by itself.
    Question(Box<dyn FnOnce(&mut W) + Send>),
    /// The end; answered once everything before it is done.
    Close(oneshot::Sender<()>),
}

/// A checked `Export*ServiceRequest`, as the intake accepted it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) signal: Signal,
    pub(super) message: Bytes,
    pub(super) received: Moment,
    /// What it takes of the room.
    pub(super) bytes: u32,
    /// Whether the thread got to it.
    pub(super) reached: bool,
    room: Arc<Room>,
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.reached {
            self.room.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The bytes that may wait. Closed when the thread ends, which frees all who wait for room.
#[derive(Debug)]
pub(super) struct Room {
    free: Semaphore,
    bytes: u32,
    /// Requests that the thread did not get to before its end.
    missed: AtomicU64,
}

impl Room {
    /// The most that may wait.
    pub(super) fn bytes(&self) -> u32 {
        self.bytes
    }

    pub(super) fn give_back(&self, bytes: u32) {
        self.free.add_permits(bytes as usize);
    }

    pub(super) fn close(&self) {
        self.free.close();
    }
}

impl<W: Work> Handle<W> {
    /// Starts a thread that owns what `make` makes there. At most `queue_bytes` wait for it.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(
        queue_bytes: usize,
        make: impl FnOnce() -> W + Send + 'static,
    ) -> io::Result<Handle<W>> {
        let (queue, waiting) = channel();
        let bytes = u32::try_from(queue_bytes.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let room = Arc::new(Room {
            free: Semaphore::new(bytes as usize),
            bytes,
            missed: AtomicU64::new(0),
        });
        let shared = Arc::clone(&room);
        thread::Builder::new()
            .name("series".to_owned())
            .spawn(move || worker::run(make, waiting, &shared))?;
        let inner = Arc::new(Inner { queue, room });
        Ok(Handle { inner })
    }

    /// Hands a checked request over; waits while the queue is full. One that is larger than the whole queue
    /// waits until it is empty.
    pub async fn take(&self, signal: Signal, message: Bytes, received_unix_ms: u64) {
        let room = &self.inner.room;
        let bytes = u32::try_from(message.len()).map_or(room.bytes, |len| len.min(room.bytes));
        let request = Request {
            signal,
            message,
            received: Moment {
                unix_ms: received_unix_ms,
            },
            bytes,
            reached: false,
            room: Arc::clone(room),
        };
        if let Ok(permits) = room.free.acquire_many(bytes).await {
            permits.forget();
            // Where the thread is gone the request comes back, and is counted as missed like all that it leaves behind.
            drop(self.inner.queue.send(Message::Request(request)));
        }
    }

    /// Asks after everything that was taken before. `None` once the thread is gone, or if the question panicked.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut W) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let question = Box::new(move |work: &mut W| drop(answer.send(question(work))));
        self.inner.queue.send(Message::Question(question)).ok()?;
        answered.await.ok()
    }

    /// Takes what waits, ends in order and then the thread. Later requests are counted as missed, later
    /// questions have no answer.
    pub async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.inner.queue.send(Message::Close(done)).is_ok() {
            drop(ended.await);
        }
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.inner.room.free.is_closed()
    }

    /// Bytes that wait in the queue now.
    pub fn queued_bytes(&self) -> u64 {
        let room = &self.inner.room;
        u64::from(room.bytes).saturating_sub(room.free.available_permits() as u64)
    }

    /// Requests that the thread did not get to before its end.
    pub fn missed(&self) -> u64 {
        self.inner.room.missed.load(Ordering::Relaxed)
    }
}
