//! One connection, and who drives it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use hyper::client::conn::http1::{self, Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::dial::Stream;
use crate::gateway::upstream::relay::Relay;
use crate::gateway::upstream::timer::Timer;
use crate::gateway::upstream::upload::MeteredBody;
use crate::gateway::upstream::wire::{Meter, Open, Wire};

/// How often the parts of a connection may wake each other before others get their turn.
const MAX_ROUNDS: usize = 8;

/// What one read takes in at most, and what is held of a request that the upstream does not take. At least that of a head.
const BUFFER_BYTES: usize = 64 * 1024;

/// Makes connections that keep to the same limits.
#[derive(Debug)]
pub(in crate::gateway::upstream) struct Maker {
    builder: Builder,
}

impl Maker {
    /// `max_head_bytes`: the greatest head of an answer.
    pub(in crate::gateway::upstream) fn new(max_head_bytes: usize) -> Maker {
        let mut builder = Builder::new();
        builder
            .max_buf_size(max_head_bytes.max(BUFFER_BYTES))
            .max_header_size(max_head_bytes);
        Maker { builder }
    }

    /// HTTP/1.1 on `stream`. Nothing is written yet.
    ///
    /// # Errors
    /// None that are known; hyper may have some.
    pub(in crate::gateway::upstream) async fn make(
        &self,
        stream: Stream,
        open: Open,
    ) -> Result<Box<Connection>, hyper::Error> {
        let (wire, meter) = Wire::new(stream, open);
        let (sender, driver) = self
            .builder
            .handshake(TokioIo::new(wire.reads_on()))
            .await?;
        let (relay, waker) = Relay::new();
        Ok(Box::new(Connection {
            sender,
            driver: Driver::Plain(driver),
            meter,
            relay,
            waker,
            timer: Timer::default(),
            born: Instant::now(),
            thread: thread::current().id(),
        }))
    }
}

/// What moves the bytes.
// A connection is boxed as a whole, and hardly any is of a smaller kind.
#[allow(clippy::large_enum_variant)]
enum Driver {
    Plain(http1::Connection<TokioIo<Wire>, MeteredBody>),
    /// Hands the connection out when the upstream switches protocols. It may not be reused.
    Upgrading(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    Ended,
}

impl Driver {
    /// True: it is over. Why, the request or the answer's body is told. Where there is neither, nobody needs to know.
    fn drive(&mut self, context: &mut Context<'_>) -> bool {
        let polled = match self {
            Driver::Plain(driver) => Pin::new(driver).poll(context),
            Driver::Upgrading(driver) => driver.as_mut().poll(context),
            Driver::Ended => return true,
        };
        if polled.is_ready() {
            *self = Driver::Ended;
        }
        polled.is_ready()
    }
}

/// A connection to the upstream.
pub(in crate::gateway::upstream) struct Connection {
    pub(super) sender: SendRequest<MeteredBody>,
    driver: Driver,
    pub(super) meter: Arc<Meter>,
    relay: Arc<Relay>,
    waker: Waker,
    timer: Timer,
    pub(in crate::gateway::upstream) born: Instant,
    /// The thread that made it, and waits for it where threads do not share their work.
    pub(in crate::gateway::upstream) thread: ThreadId,
}

impl Connection {
    /// Polls the connection, then `wanted`, which gets what the connection brings, until it is there or nothing moves.
    pub(super) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // What is wanted moves only where the connection is polled, which happens right here.
        let mut quiet = Context::from_waker(Waker::noop());
        for _ in 0..MAX_ROUNDS {
            self.relay.begin();
            self.drive();
            if let Poll::Ready(found) = wanted(&mut quiet) {
                return Poll::Ready(found);
            }
            if self.relay.rest(context) {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether `due` has come. If not, whoever polled last is woken by then.
    pub(super) fn is_due(&mut self, due: Instant, now: Instant) -> bool {
        self.timer
            .poll(&mut Context::from_waker(&self.waker), due, now)
    }

    fn drive(&mut self) {
        let mut context = Context::from_waker(&self.waker);
        self.driver.drive(&mut context);
    }

    /// Moves what can be moved, and wakes `context` when there is more. True: it is over.
    pub(super) fn drive_in(&mut self, context: &mut Context<'_>) -> bool {
        self.driver.drive(context)
    }

    /// The same connection, which is handed out if the upstream switches protocols (RFC 9110, section 7.8).
    pub(super) fn upgrading(&mut self) {
        self.driver = match std::mem::replace(&mut self.driver, Driver::Ended) {
            Driver::Plain(driver) => Driver::Upgrading(Box::pin(driver.with_upgrades())),
            other => other,
        };
    }

    /// Whether the call is over on both sides, and another one may follow. What hyper still holds of a request is owed.
    pub(super) fn is_reusable(&self) -> bool {
        matches!(self.driver, Driver::Plain(_))
            && self.sender.is_ready()
            && !self.meter.is_blocked()
    }

    /// From here on nobody waits for it.
    pub(in crate::gateway::upstream) fn rest(&self) {
        self.relay.leave();
    }

    /// Whether it can still be used, as far as is known. For one that rests.
    pub(in crate::gateway::upstream) fn is_alive(&mut self) -> bool {
        if self.relay.is_woken() {
            self.relay.begin();
            self.drive();
            self.relay.leave();
        }
        self.is_reusable()
    }

    /// Asks the system whether the upstream has closed the connection, or sent what nobody asked for.
    pub(in crate::gateway::upstream) fn look(&self) {
        self.meter.look();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("meter", &self.meter)
            .field("born", &self.born)
            .finish_non_exhaustive()
    }
}
