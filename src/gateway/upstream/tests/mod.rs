//! Calls to servers in the same process, which do what the test says.

mod early;
mod hostile;
mod http1;
mod http2;
mod pool;
mod reach;
mod timeouts;
mod tls;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{CallFailure, CallFailureKind, Connections, Upstream, UpstreamBody};
use crate::config::{Endpoint, RouteSettings};
use crate::gateway::RequestBody;
use crate::gateway::body::BodyError;

/// Longer than anything here takes that is not meant to hang.
const LONG: Duration = Duration::from_secs(20);

/// A time limit that is meant to be reached.
const SHORT: Duration = Duration::from_millis(80);

/// The upstream's side of a connection.
struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    /// The head of a request, and nothing behind it; empty at the end.
    async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            if !self.more().await {
                return String::new();
            }
        }
    }

    /// As many bytes of a body.
    async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await, "the gateway closed early");
        }
        self.read.drain(..count).collect()
    }

    async fn more(&mut self) -> bool {
        let mut part = [0; 8192];
        let count = self.stream.read(&mut part).await.unwrap_or(0);
        self.read.extend_from_slice(&part[..count]);
        count > 0
    }

    async fn say(&mut self, text: impl AsRef<[u8]>) {
        // A gateway that refuses what is said may have closed.
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Waits until the gateway closes.
    async fn closed(&mut self) {
        while self.more().await {}
    }
}

/// A server that treats each connection as `serve` does, and counts them.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn new<F: Future<Output = ()> + Send>(
        serve: impl Fn(Peer, usize) -> F + Send + Sync + Copy + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // What is said late must not wait for what was said before.
                stream.set_nodelay(true).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let peer = Peer {
                    stream,
                    read: Vec::new(),
                };
                tokio::spawn(async move { serve(peer, number).await });
            }
        });
        Server {
            address,
            connections,
        }
    }

    /// Answers every request, which has no body, with `answer`.
    async fn answering(answer: &'static str) -> Server {
        Server::new(move |mut peer, _| async move {
            while !peer.head().await.is_empty() {
                peer.say(answer).await;
            }
        })
        .await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn upstream(&self) -> Upstream {
        self.upstream_with(|_| {})
    }

    fn upstream_with(&self, change: impl FnOnce(&mut RouteSettings)) -> Upstream {
        upstream(&format!("http://{}", self.address), change)
    }
}

fn upstream(url: &str, change: impl FnOnce(&mut RouteSettings)) -> Upstream {
    let mut route = RouteSettings::new(Endpoint::parse(url).unwrap());
    change(&mut route);
    Upstream::new(&route).unwrap()
}

fn request(method: &str, body: RequestBody) -> Request<RequestBody> {
    Request::builder()
        .method(method)
        .uri("/a?b=c")
        .header("host", "service.example")
        .body(body)
        .unwrap()
}

fn get() -> Request<RequestBody> {
    request("GET", RequestBody::whole(""))
}

fn post(text: &'static str) -> Request<RequestBody> {
    request("POST", RequestBody::whole(text))
}

/// What a test says of a body, piece by piece.
type Pieces = mpsc::UnboundedSender<Result<Frame<Bytes>, BodyError>>;

/// A body of unknown length that says what it is told.
fn piecemeal() -> (Pieces, RequestBody) {
    struct Said(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BodyError>>);
    impl Body for Said {
        type Data = Bytes;
        type Error = BodyError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            self.0.poll_recv(context)
        }
    }
    let (says, said) = mpsc::unbounded_channel();
    (says, RequestBody::boxed(Said(said)))
}

fn piece(text: &str) -> Result<Frame<Bytes>, BodyError> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

async fn call(upstream: &Upstream, request: Request<RequestBody>) -> Response<UpstreamBody> {
    soon(upstream.send(request)).await.unwrap()
}

async fn failure(upstream: &Upstream, request: Request<RequestBody>) -> CallFailure {
    soon(upstream.send(request)).await.unwrap_err()
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(LONG, work).await.expect("this hangs")
}

/// The answer's status, and all of its body.
async fn told(answer: Response<UpstreamBody>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = soon(answer.into_body().collect()).await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The next piece of an answer's body.
async fn next(body: &mut UpstreamBody) -> Option<Result<String, CallFailure>> {
    let frame = soon(poll_fn(|context| Pin::new(&mut *body).poll_frame(context))).await?;
    Some(match frame {
        Ok(frame) => Ok(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()),
        Err(error) => Err(*error.downcast().unwrap()),
    })
}

/// Why an answer's body breaks off.
async fn broken(answer: Response<UpstreamBody>) -> CallFailure {
    let error = soon(answer.into_body().collect()).await.unwrap_err();
    *error.downcast().unwrap()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(LONG, wait).await.is_ok(), "never: {what}");
}

/// Waits for what happens on the other side of a connection to be noticed here.
async fn settled(upstream: &Upstream, active: usize, idle: usize) {
    let wanted = Connections { active, idle };
    eventually(&format!("{wanted:?}"), || upstream.connections() == wanted).await;
}
