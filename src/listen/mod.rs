//! The accept loop under every server: binds, limits, encrypts, drains.
//!
//! warp and hyper serve one connection well; what lies around it is here: a cap on connections, a
//! time limit on silence, TLS whose certificates can be replaced, and an orderly end.

mod activity;
mod connection;
mod lasting;
mod tls;
mod workers;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::telemetry::ListenerInstruments;
pub use tls::{ServerTls, TlsError};
pub use workers::Workers;

/// What a hyper service must be to be served here.
pub trait Face<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> Face<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// What a body of an answer must be to be sent here.
pub trait AnswerBody:
    Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static
{
}

impl<B> AnswerBody for B where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

/// Makes the face that a connection from an address sees.
pub trait Welcome<S>: Fn(SocketAddr) -> S + Clone + Send + Sync + 'static {}

impl<W, S> Welcome<S> for W where W: Fn(SocketAddr) -> S + Clone + Send + Sync + 'static {}

/// What one listener allows its clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; further ones are closed at once and counted.
    pub max_connections: usize,
    /// Concurrent HTTP/2 streams on a connection.
    pub max_streams: u32,
    /// From accept to the first whole request head, TLS handshake included.
    pub header_timeout: Duration,
    /// How long a connection may stand without a request under way.
    pub idle_timeout: Duration,
    /// The greatest head of a request, its target and headers together: larger ones get 431. HTTP/2 counts as HPACK does;
    /// HTTP/1 refuses what does not fit the connection's buffer, which is no smaller than this.
    pub max_head_bytes: usize,
}

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    name: &'static str,
    socket: TcpListener,
    address: SocketAddr,
    instruments: ListenerInstruments,
    workers: Option<Workers>,
}

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for {name}: {error}; free the port or change `{key}` in the configuration"
)]
pub struct BindError {
    name: &'static str,
    key: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl Listener {
    /// Binds `address`. `name` is what start-up lines and meters call it, `key` the setting to change.
    pub async fn bind(
        name: &'static str,
        key: &'static str,
        address: SocketAddr,
        instruments: ListenerInstruments,
    ) -> Result<Listener, BindError> {
        let refused = |error| BindError {
            name,
            key,
            address,
            error,
        };
        let socket = TcpListener::bind(address).await.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Listener {
            name,
            socket,
            address,
            instruments,
            workers: None,
        })
    }

    /// Has connections served by `workers`, each by one thread; else they are served where [`Listener::serve_each`] is called.
    pub fn on(self, workers: Workers) -> Listener {
        Listener {
            workers: Some(workers),
            ..self
        }
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What start-up lines and meters call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Serves until `closing`, each connection with a face of its own, which is told who is at the other end; then lets open connections end
    /// their requests.
    ///
    /// Returns once every connection has ended; dropping the future cuts them off.
    pub async fn serve_each<W, S, B>(
        self,
        welcome: W,
        limits: Limits,
        tls: Option<ServerTls>,
        closing: CancellationToken,
    ) where
        W: Welcome<S>,
        S: Face<B>,
        B: AnswerBody,
    {
        let connections = TaskTracker::new();
        let cut_off = CancellationToken::new();
        let _cut_off_when_dropped = cut_off.clone().drop_guard();
        let host = connection::Host::new(welcome, limits, tls, closing.clone(), cut_off);
        while let Some((stream, peer)) = self.accept(&closing).await {
            self.take(stream, peer, &host, &connections);
        }
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }

    async fn accept(&self, closing: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = tokio::select! {
                biased;
                () = closing.cancelled() => return None,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok(connection) => return Some(connection),
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    /// Out of file descriptors, accept fails at once and for ever: pause instead of spinning.
    async fn accept_failed(&self, error: &io::Error) {
        let about_one_peer = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
        );
        if !about_one_peer {
            warn!(listener = self.name, %error, "cannot accept connections, trying again in 100 ms");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn take<W, S, B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        host: &connection::Host<W>,
        connections: &TaskTracker,
    ) where
        W: Welcome<S>,
        S: Face<B>,
        B: AnswerBody,
    {
        // Only this loop opens connections, so the number cannot grow between check and entry.
        if self.instruments.open() >= host.limits().max_connections {
            self.instruments.turned_away();
            debug!(
                listener = self.name,
                "connection closed: max_connections are open"
            );
            return;
        }
        let (host, open) = (host.clone(), self.instruments.opened());
        let Some(place) = self.workers.as_ref().and_then(Workers::place) else {
            connections.spawn(async move {
                host.serve(stream, peer).await;
                drop(open);
            });
            return;
        };
        let (runtime, stream) = (place.runtime.clone(), stream.into_std());
        let serving = async move {
            // Here, so that the thread that serves the connection is the one that waits for it.
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => host.serve(stream, peer).await,
                Err(error) => debug!(%error, "connection closed: it cannot be waited for"),
            }
            drop((open, place));
        };
        connections.spawn_on(serving, &runtime);
    }
}
