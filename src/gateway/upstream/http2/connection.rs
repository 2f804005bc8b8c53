//! One connection, and the task that moves its frames.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::dial::Stream;
use crate::gateway::upstream::timer::Timer;
use crate::gateway::upstream::wire::{Meter, Open, Wire};

/// What one stream may hold of an answer that its caller does not take (RFC 9113, section 6.9.2).
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;

/// What all of a connection's streams may hold together: enough for others where some callers are slow.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// What one stream may hold of a request that the upstream does not take.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// Streams until the upstream has said how many it allows: what RFC 9113, section 6.5.2, has it allow at least. Only the first is
/// used so.
const FIRST_STREAMS: usize = 100;

/// A connection on which calls wait, and nothing came for that long, is asked whether it still lives (RFC 9113, section 6.7).
const PING_AFTER: Duration = Duration::from_secs(20);

/// It is asked less and less often while it has nothing else to say: servers of gRPC close a connection that asks a third time
/// within five minutes of the last (gRPC proposal A8).
const PING_LESS_BY: u32 = 4;
const PING_AFTER_AT_MOST: Duration = Duration::from_secs(320);

/// How long it has to say so.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// A connection that calls share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) meter: Arc<Meter>,
    pub(super) streams: Arc<AtomicUsize>,
    pub(super) born: Instant,
    has_ended: Arc<AtomicBool>,
    /// Whether the upstream has said how many streams it allows.
    has_settings: watch::Receiver<bool>,
}

impl Shared {
    /// HTTP/2 on `stream`, with a task that moves its frames until it is over.
    ///
    /// # Errors
    /// What broke off before the connection's preface was written.
    pub(super) async fn make(
        stream: Stream,
        open: Open,
        max_head_bytes: usize,
    ) -> Result<Shared, h2::Error> {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(FIRST_STREAMS)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .max_header_list_size(u32::try_from(max_head_bytes).unwrap_or(u32::MAX));
        let (wire, meter) = Wire::new(stream, open);
        let (sender, mut connection) = builder.handshake(wire).await?;
        let has_ended = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&has_ended);
        let (tells, has_settings) = watch::channel(false);
        let streams = Arc::<AtomicUsize>::default();
        let mut watch = Watch::new(
            connection.ping_pong(),
            Arc::clone(&meter),
            Arc::clone(&streams),
        );
        let wire = Arc::clone(&meter);
        tokio::spawn(async move {
            poll_fn(|context| {
                // Why it ended, each of its streams is told.
                let is_over = Pin::new(&mut connection).poll(context).is_ready();
                // SETTINGS come before all else (RFC 9113, section 3.4).
                if !*tells.borrow() && wire.read() > 0 {
                    tells.send_replace(true);
                }
                match is_over || watch.is_dead(context, Instant::now()) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            ended.store(true, Ordering::Release);
        });
        Ok(Shared {
            sender,
            meter,
            streams,
            born: Instant::now(),
            has_ended,
            has_settings,
        })
    }

    /// Whether another stream may begin: it has not ended, nor said that it will (GOAWAY; RFC 9113, section 6.8).
    pub(super) fn is_open(&self) -> bool {
        let mut quiet = Context::from_waker(Waker::noop());
        !self.has_ended.load(Ordering::Acquire)
            && matches!(
                self.sender.clone().poll_ready(&mut quiet),
                Poll::Ready(Ok(()))
            )
    }

    /// Waits until it is known how many streams the upstream allows, or nobody will say so any more.
    pub(super) async fn settled(&self) {
        let mut has_settings = self.has_settings.clone();
        let _ = has_settings.wait_for(|has_settings| *has_settings).await;
    }

    /// Whether it is not known yet how many streams the upstream allows.
    pub(super) fn is_unsettled(&self) -> bool {
        !*self.has_settings.borrow() && self.is_open()
    }

    /// Whether the upstream allows one stream more, as far as is known.
    pub(super) fn has_room(&self) -> bool {
        *self.has_settings.borrow()
            && self.streams.load(Ordering::Relaxed) < self.sender.current_max_send_streams()
    }
}

/// Looks whether the upstream still lives.
struct Watch {
    pings: Option<PingPong>,
    meter: Arc<Meter>,
    streams: Arc<AtomicUsize>,
    timer: Timer,
    /// What was read when it was last looked; an answer to a PING counts not.
    read: u64,
    after: Duration,
    due: Instant,
    is_asked: bool,
}

impl Watch {
    fn new(pings: Option<PingPong>, meter: Arc<Meter>, streams: Arc<AtomicUsize>) -> Watch {
        Watch {
            pings,
            streams,
            timer: Timer::default(),
            read: meter.read(),
            meter,
            after: PING_AFTER,
            due: Instant::now() + PING_AFTER,
            is_asked: false,
        }
    }

    /// Whether it has not answered for too long.
    fn is_dead(&mut self, context: &mut Context<'_>, now: Instant) -> bool {
        let Some(pings) = &mut self.pings else {
            return false;
        };
        if self.is_asked && pings.poll_pong(context).is_ready() {
            self.is_asked = false;
            self.read = self.meter.read();
            self.due = now + self.after;
        }
        while self.timer.poll(context, self.due, now) {
            if self.is_asked {
                return true;
            }
            self.look(now);
        }
        false
    }

    fn look(&mut self, now: Instant) {
        let read = self.meter.read();
        let is_silent = read == self.read && self.streams.load(Ordering::Relaxed) > 0;
        self.read = read;
        let pings = self.pings.as_mut().filter(|_| is_silent);
        self.is_asked = pings.is_some_and(|pings| pings.send_ping(Ping::opaque()).is_ok());
        self.after = match is_silent {
            true => (self.after * PING_LESS_BY).min(PING_AFTER_AT_MOST),
            false => PING_AFTER,
        };
        self.due = now
            + if self.is_asked {
                PONG_WITHIN
            } else {
                self.after
            };
    }
}
