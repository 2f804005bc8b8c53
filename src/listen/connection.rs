//! One accepted connection, from handshake to goodbye.

use std::net::SocketAddr;
use std::pin::{Pin, pin};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::activity::Activity;
use super::lasting::Lasting;
use super::{AnswerBody, Face, Limits, ServerTls, Welcome};

/// OTLP requests are large: windows that hold a few of them spare senders a round trip each.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Fewer frames a request than the default 16 KiB, without letting one stream hold the wire.
const MAX_FRAME_BYTES: u32 = 256 << 10;
/// The buffer of an HTTP/1 connection that allows the usual heads. Bodies come through it as well, so it is larger.
const HTTP1_BUFFER_BYTES: usize = 256 << 10;

/// What every connection of a listener shares.
#[derive(Clone)]
pub(super) struct Host<W> {
    welcome: W,
    limits: Limits,
    tls: Option<ServerTls>,
    http: auto::Builder<TokioExecutor>,
    closing: CancellationToken,
    cut_off: CancellationToken,
}

impl<W> Host<W> {
    pub(super) fn new(
        welcome: W,
        limits: Limits,
        tls: Option<ServerTls>,
        closing: CancellationToken,
        cut_off: CancellationToken,
    ) -> Host<W> {
        let http = http_builder(&limits);
        Host {
            welcome,
            limits,
            tls,
            http,
            closing,
            cut_off,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves the connection until it ends, is idle too long, or the server is gone.
    pub(super) async fn serve<S, B>(self, stream: TcpStream, peer: SocketAddr)
    where
        W: Welcome<S>,
        S: Face<B>,
        B: AnswerBody,
    {
        let cut_off = self.cut_off.clone();
        tokio::select! {
            () = cut_off.cancelled() => {}
            () = self.shake_hands(stream, peer) => {}
        }
    }

    async fn shake_hands<S, B>(self, stream: TcpStream, peer: SocketAddr)
    where
        W: Welcome<S>,
        S: Face<B>,
        B: AnswerBody,
    {
        let _ = stream.set_nodelay(true); // a socket that is already gone fails at its first read
        let face = (self.welcome)(peer);
        let Some(tls) = &self.tls else {
            return self.talk(stream, face).await;
        };
        match timeout(self.limits.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.talk(stream, face).await,
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake did not end within header_timeout"),
        }
    }

    async fn talk<S, B>(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, face: S)
    where
        S: Face<B>,
        B: AnswerBody,
    {
        let activity = Activity::new(Instant::now());
        let face = Watched {
            face,
            activity: activity.clone(),
        };
        let mut connection = pin!(
            self.http
                .serve_connection_with_upgrades(TokioIo::new(stream), face)
        );
        let mut silence = pin!(sleep(self.limits.header_timeout));
        let mut ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended { debug!(%error, "connection ended early"); }
                    return;
                }
                () = self.closing.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = silence.as_mut() => {
                    let limits = &self.limits;
                    let left = activity.time_left(Instant::now(), limits.header_timeout, limits.idle_timeout);
                    match left {
                        Some(left) => silence.as_mut().reset(Instant::now() + left),
                        None if ending => return,
                        None => {
                            ending = true;
                            connection.as_mut().graceful_shutdown();
                            silence.as_mut().reset(Instant::now() + limits.header_timeout);
                        }
                    }
                }
            }
        }
    }
}

fn http_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(buffer_bytes(limits.max_head_bytes));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        // A peer that vanished without a word is noticed even while a request of its is under way.
        .keep_alive_interval(limits.idle_timeout.min(std::time::Duration::from_secs(60)))
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// A head that fills the buffer is refused (431): smaller buffers than this would cut bodies into small parts.
fn buffer_bytes(max_head_bytes: usize) -> usize {
    max_head_bytes.max(HTTP1_BUFFER_BYTES)
}

/// A face that notes on `activity` when a request is under way: until its answer has been sent, however long that takes.
struct Watched<S> {
    face: S,
    activity: Activity,
}

impl<S, B> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<Lasting<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = self.activity.begin();
        let answer = self.face.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Lasting::new(body, under_way)))
        })
    }
}
