//! A connection that takes only so much from a server.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dial::Stream;

/// What may come besides heads and bodies: interim answers, frames of control, the sizes of chunks.
const MAX_AROUND_BYTES: u64 = 1 << 20;
/// A body may come in chunks of a few bytes each, and each has a frame.
const MAX_FRAMING_FACTOR: u64 = 8;

/// A stream that fails with [`io::ErrorKind::QuotaExceeded`] once it has brought more than its allowance. Without that a server
/// could keep a run busy with what no limit on heads and bodies sees.
#[derive(Debug)]
pub(super) struct Metered {
    stream: Stream,
    allowance: Allowance,
}

/// How much a stream may still bring.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Metered {
    /// `stream` with the allowance for the head of an answer.
    pub(super) fn of(stream: Stream) -> (Metered, Allowance) {
        let allowance = Allowance(Arc::new(AtomicU64::new(MAX_AROUND_BYTES)));
        let metered = Metered {
            stream,
            allowance: allowance.clone(),
        };
        (metered, allowance)
    }
}

impl Allowance {
    /// Allows for a body of `max_bytes`.
    pub(super) fn for_body(&self, max_bytes: usize) {
        let body = (max_bytes as u64).saturating_mul(MAX_FRAMING_FACTOR);
        self.0
            .store(body.saturating_add(MAX_AROUND_BYTES), Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) {
        let left = self.0.load(Ordering::Relaxed);
        self.0
            .store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.allowance.is_spent() {
            let message = "the server sends without end what is no part of an answer";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, message)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.allowance
            .spend(buffer.filled().len().saturating_sub(before));
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
