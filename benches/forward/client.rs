//! Connections to an OTLP receiver, and a pool of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Fallible;
use crate::scenario::Transport;

/// Windows far above what 16 requests need: flow control must not be what is measured.
pub const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// As [`STREAM_WINDOW_BYTES`], for all streams of a connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// Large enough for a request to travel in one frame.
pub const FRAME_BYTES: u32 = 1 << 20;

/// One connection; over HTTP/2 its clones share it.
pub enum Connection<B> {
    Grpc(http2::SendRequest<B>),
    Http(http1::SendRequest<B>),
}

impl<B> Connection<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    pub async fn open(transport: Transport, port: u16) -> Fallible<Connection<B>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        match transport {
            Transport::Grpc => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(STREAM_WINDOW_BYTES)
                    .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                    .max_frame_size(FRAME_BYTES)
                    .max_send_buf_size(FRAME_BYTES as usize)
                    .handshake(io)
                    .await?;
                tokio::spawn(connection);
                Ok(Connection::Grpc(sender))
            }
            Transport::Http => {
                let (sender, connection) = http1::Builder::new().handshake(io).await?;
                tokio::spawn(connection);
                Ok(Connection::Http(sender))
            }
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn call(&mut self, request: Request<B>) -> Fallible<Response<Incoming>> {
        match self {
            Connection::Grpc(sender) => {
                sender.ready().await?;
                Ok(sender.send_request(request).await?)
            }
            Connection::Http(sender) => {
                sender.ready().await?;
                Ok(sender.send_request(request).await?)
            }
        }
    }

    fn share(&self) -> Option<Connection<B>> {
        match self {
            Connection::Grpc(sender) => Some(Connection::Grpc(sender.clone())),
            Connection::Http(_) => None,
        }
    }
}

/// Connections to one receiver: a few shared ones over HTTP/2, idle ones to take over HTTP/1.1.
pub struct Pool<B> {
    transport: Transport,
    port: u16,
    connections: Mutex<Vec<Connection<B>>>,
    turn: AtomicUsize,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    /// Opens `count` connections to `port`; more are opened when all are taken.
    pub async fn open(transport: Transport, port: u16, count: usize) -> Fallible<Pool<B>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(transport, port).await?);
        }
        Ok(Pool {
            transport,
            port,
            connections: Mutex::new(connections),
            turn: AtomicUsize::new(0),
        })
    }

    /// A connection to use: shared over HTTP/2, exclusive over HTTP/1.1.
    pub async fn take(&self) -> Fallible<Connection<B>> {
        match self.idle() {
            Some(connection) => Ok(connection),
            None => Connection::open(self.transport, self.port).await,
        }
    }

    /// Gives back a connection whose last answer was read to its end.
    pub fn give_back(&self, connection: Connection<B>) {
        if let Connection::Http(_) = &connection {
            self.lock().push(connection);
        }
    }

    fn idle(&self) -> Option<Connection<B>> {
        let mut connections = self.lock();
        match self.transport {
            Transport::Grpc => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed) % connections.len().max(1);
                connections.get(turn).and_then(Connection::share)
            }
            Transport::Http => connections.pop(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection<B>>> {
        self.connections
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
