//! The bytes of a connection, counted.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dial::Stream;
use crate::gateway::body::BodyError;

/// How far the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Upload {
    /// All of it was taken.
    Ended = 0,
    /// More of it is taken as soon as there is room.
    Moving = 1,
    /// The caller has not sent more.
    AwaitsCaller = 2,
}

/// What passed on a connection. One task writes at a time; others only look.
#[derive(Debug, Default)]
pub(super) struct Meter {
    written: AtomicU64,
    read: AtomicU64,
    /// No more is read once that much was.
    read_limit: AtomicU64,
    upload: AtomicU8,
    /// The upstream takes no more for the moment, or for ever.
    is_blocked: AtomicBool,
    /// Whether the next read asks the system, not the runtime, whether there is something.
    looks: AtomicBool,
    caller_error: Mutex<Option<BodyError>>,
}

impl Meter {
    /// A request begins, the heads of whose answers may have `head_bytes` in all.
    pub(super) fn begin(&self, head_bytes: u64) {
        let limit = self.read.load(Ordering::Relaxed).saturating_add(head_bytes);
        self.read_limit.store(limit, Ordering::Relaxed);
        self.tell(Upload::Ended);
    }

    /// Has the next read that finds nothing ask the system as well, of which the runtime hears a little later. Something that was
    /// not asked for is the end of the connection.
    pub(super) fn look(&self) {
        self.looks.store(true, Ordering::Relaxed);
    }

    fn is_asked_to_look(&self) -> bool {
        let asked = self.looks.load(Ordering::Relaxed);
        if asked {
            self.looks.store(false, Ordering::Relaxed);
        }
        asked
    }

    /// The head of the answer is here: its body may be of any size.
    pub(super) fn head_arrived(&self) {
        self.read_limit.store(u64::MAX, Ordering::Relaxed);
    }

    /// Bytes written since the connection was made.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes read since the connection was made.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn count_written(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
        self.is_blocked.store(false, Ordering::Relaxed);
    }

    /// The upstream takes no more for the moment, or for ever.
    pub(super) fn block(&self) {
        self.is_blocked.store(true, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, upload: Upload) {
        self.upload.store(upload as u8, Ordering::Relaxed);
    }

    pub(super) fn upload(&self) -> Upload {
        match self.upload.load(Ordering::Relaxed) {
            0 => Upload::Ended,
            1 => Upload::Moving,
            _ => Upload::AwaitsCaller,
        }
    }

    /// Whether the upstream takes no more for the moment.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    pub(super) fn broke_off(&self, error: BodyError) {
        *self
            .caller_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// What the body of the request broke off with.
    pub(super) fn caller_error(&self) -> Option<BodyError> {
        self.caller_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Heads of answers that do not end.
#[derive(Debug, thiserror::Error)]
#[error("the heads of the answer do not end")]
pub(super) struct EndlessHead;

/// A connection that is open, among all of an upstream.
#[derive(Debug)]
pub(super) struct Open(Arc<AtomicUsize>);

impl Open {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Open {
        count.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose bytes are counted.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    meter: Arc<Meter>,
    reads_on: bool,
    is_write_broken: bool,
    _open: Open,
}

impl Wire {
    pub(super) fn new(stream: Stream, open: Open) -> (Wire, Arc<Meter>) {
        let meter = Arc::<Meter>::default();
        meter.head_arrived();
        let wire = Wire {
            stream,
            meter: Arc::clone(&meter),
            reads_on: false,
            is_write_broken: false,
            _open: open,
        };
        (wire, meter)
    }

    /// The same for HTTP/1.1, where an upstream that answers before the request ended may close at once: what it said can still
    /// be read (RFC 9112, section 9.6). So writing stops without an error; reading finds the answer, or the error.
    pub(super) fn reads_on(mut self) -> Wire {
        self.reads_on = true;
        self
    }

    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match result {
            Poll::Ready(Ok(count)) => {
                self.meter.count_written(count as u64);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error))
                if self.reads_on && matches!(error.kind(), BrokenPipe | ConnectionReset) =>
            {
                self.is_write_broken = true;
                self.blocked()
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.blocked(),
        }
    }

    fn blocked<T>(&self) -> Poll<T> {
        self.meter.block();
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        // Whoever reads on has not seen the end of a head in what was read.
        if wire.meter.read() >= wire.meter.read_limit.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other(EndlessHead)));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut wire.stream).poll_read(context, buffer);
        if polled.is_pending() && wire.meter.is_asked_to_look() && wire.stream.has_input() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        ready!(polled)?;
        let count = buffer.filled().len() - before;
        wire.meter.read.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.is_write_broken {
            return Poll::Pending;
        }
        let result = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.written(result)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.is_write_broken {
            return Poll::Pending;
        }
        match Pin::new(&mut wire.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            // Only TLS holds something back that is flushed.
            Poll::Ready(Err(error)) => wire.written(Poll::Ready(Err(error))).map_ok(|_| ()),
            Poll::Pending => wire.blocked(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
