//! The way to an upstream: from a request whose head is ready to the head of the answer, and its body.

mod body;
mod dialing;
mod failure;
mod http1;
mod http2;
mod length;
mod pool;
mod reach;
mod relay;
mod terms;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod timer;
mod upload;
mod waiting;
mod wire;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use tokio::time::{Instant, timeout};

pub use body::UpstreamBody;
pub use failure::{CallFailure, CallFailureKind, Phase};

use super::RequestBody;
use crate::config::{HttpVersion, RouteSettings};
use dialing::{Dialer, Dialled, Needs};
use http1::{Connection, Maker};
use http2::Place;
use pool::Pool;
use terms::Terms;

/// How many connections to an upstream are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Those that carry a request, an answer, or another protocol since an upgrade.
    pub active: usize,
    /// Those that wait for a request.
    pub idle: usize,
}

/// The upstream of a route. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Upstream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dialer: Dialer,
    maker: Maker,
    pool: Arc<Pool>,
    /// Whether the last connection that could do so spoke HTTP/2.
    speaks_http2: AtomicBool,
    /// Held while a connection is made that calls will share.
    dialling: tokio::sync::Mutex<()>,
}

/// What carries a call.
enum Way {
    Http1(Box<Connection>),
    Http2(Place),
}

impl Upstream {
    /// Prepares the way to the upstream of `route`. Nothing is connected to yet.
    ///
    /// # Errors
    /// Names the file, or the name, that could not be used.
    pub fn new(route: &RouteSettings) -> Result<Upstream, Box<dyn Error>> {
        let terms = Terms::new(route);
        let inner = Inner {
            dialer: Dialer::new(route)?,
            speaks_http2: AtomicBool::new(route.version == HttpVersion::Http2),
            dialling: tokio::sync::Mutex::default(),
            maker: Maker::new(terms.max_head_bytes),
            pool: Pool::new(terms),
        };
        Ok(Upstream {
            inner: Arc::new(inner),
        })
    }

    /// Sends `request` and waits for the head of its answer, of whatever status. Its URI is a path with a query, and it has a Host
    /// header; how its body is framed is seen to here. One that has an Upgrade header and gets 101 finds the connection in the
    /// answer's extensions (`hyper::upgrade::on`).
    ///
    /// Dropping the future, or the answer's body before its end, breaks the call off.
    ///
    /// # Errors
    /// Why there is no answer, and whether the upstream may have seen the request.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, CallFailure> {
        self.inner.send(request).await
    }

    /// How many connections are open.
    pub fn connections(&self) -> Connections {
        let (open, idle) = self.inner.pool.counts();
        Connections {
            active: open.saturating_sub(idle),
            idle,
        }
    }
}

impl Inner {
    async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, CallFailure> {
        let needs = self.dialer.needs(&request);
        if let Some(place) = self.place(needs) {
            return self.send_http2(place, request).await;
        }
        if let Some(kept) = self.kept() {
            match http1::send(&self.pool, kept, request, needs == Needs::Http1).await {
                Ok(answer) => return Ok(answer),
                Err(broken) => match broken.untouched {
                    // It was closed while it was idle.
                    Some(untouched) => request = *untouched,
                    None => return Err(broken.failure),
                },
            }
        }
        // Most calls find a connection, and carry no room for the making of one.
        match Box::pin(self.open(needs)).await? {
            Way::Http2(place) => self.send_http2(place, request).await,
            Way::Http1(connection) => {
                http1::send(&self.pool, connection, request, needs == Needs::Http1)
                    .await
                    .map_err(|broken| broken.failure)
            }
        }
    }

    async fn send_http2(
        &self,
        place: Place,
        request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, CallFailure> {
        http2::send(&self.pool, place, request, self.dialer.is_tls()).await
    }

    /// A place on a connection that calls share.
    fn place(&self, needs: Needs) -> Option<Place> {
        let may_share = needs == Needs::Any && self.dialer.may_speak_http2();
        may_share.then(|| self.pool.shared.take(&self.pool.terms.pool, Instant::now()))?
    }

    /// An idle connection that one call has for itself.
    fn kept(&self) -> Option<Box<Connection>> {
        let may_keep = self.dialer.may_speak_http1();
        may_keep.then(|| self.pool.take(Instant::now()))?
    }

    /// A way on a connection made for it. Of calls that could share one, the first makes it, and the others wait for it.
    async fn open(&self, needs: Needs) -> Result<Way, CallFailure> {
        let speaks_http2 = self.speaks_http2.load(Ordering::Relaxed);
        if needs == Needs::Http1 || !speaks_http2 {
            return self.dial(needs).await;
        }
        let alone = self.dialling.try_lock();
        if alone.is_err() {
            drop(self.dialling.lock().await);
        }
        let patience = self.pool.terms.timeout.tls;
        // An upstream that does not say how many streams it allows gets one on each connection.
        let _ = timeout(patience, self.pool.shared.settled()).await;
        match self.place(needs) {
            Some(place) => Ok(Way::Http2(place)),
            None => self.dial(needs).await,
        }
    }

    async fn dial(&self, needs: Needs) -> Result<Way, CallFailure> {
        let terms = &self.pool.terms;
        let refused = |error: &dyn Error| {
            let clause = format!("cannot be spoken to: {error}");
            terms.failure(CallFailureKind::Protocol, false, &clause)
        };
        match self.dialer.dial(terms, needs).await? {
            Dialled::Http1(stream) => {
                let made = self.maker.make(stream, self.pool.open()).await;
                made.map(Way::Http1).map_err(|error| refused(&error))
            }
            Dialled::Http2(stream) => {
                self.speaks_http2.store(true, Ordering::Relaxed);
                let shared = &self.pool.shared;
                let made = shared
                    .add(stream, self.pool.open(), terms.max_head_bytes)
                    .await;
                self.pool.keep_shared();
                made.map(Way::Http2).map_err(|error| refused(&error))
            }
        }
    }
}
