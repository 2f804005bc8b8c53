//! The role that receives exports: counts what arrives and answers as an OTLP receiver does.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lineside::otlp::{Encoding, Signal};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::Fallible;
use crate::client::{CONNECTION_WINDOW_BYTES, FRAME_BYTES, STREAM_WINDOW_BYTES};
use crate::count::count;
use crate::order::{Listening, SinkOrder, SinkSeen, say, unix_us, wait_for_line};
use crate::scenario::Transport;
use crate::wire::{Message, refusal, success, unframe};

/// Serves until stdin closes; prints [`SinkSeen`] for each line it reads.
pub fn run(runtime: &Runtime, order: &SinkOrder) -> Fallible<()> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    say(&Listening {
        port: listener.local_addr()?.port(),
    })?;
    let sink = Arc::new(Sink {
        order: order.clone(),
        seen: Counters::default(),
    });
    runtime.spawn(accept(listener, sink.clone()));
    while wait_for_line()? {
        say(&sink.seen.read())?;
    }
    Ok(())
}

async fn accept(listener: TcpListener, sink: Arc<Sink>) {
    while let Ok((stream, _)) = listener.accept().await {
        let sink = sink.clone();
        let transport = sink.order.transport;
        tokio::spawn(serve(stream, transport, move |request| {
            let sink = sink.clone();
            async move { Ok(sink.take(request).await) }
        }));
    }
}

/// Serves one connection with `handle`, over HTTP/2 or HTTP/1.1 as `transport` needs.
pub async fn serve<F, A, B>(stream: TcpStream, transport: Transport, handle: F)
where
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(stream);
    // A connection that its peer breaks off concerns that peer only.
    let _ = match transport {
        Transport::Grpc => {
            http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .max_frame_size(FRAME_BYTES)
                .serve_connection(io, service_fn(handle))
                .await
        }
        Transport::Http => {
            http1::Builder::new()
                .serve_connection(io, service_fn(handle))
                .await
        }
    };
}

struct Sink {
    order: SinkOrder,
    seen: Counters,
}

impl Sink {
    async fn take(&self, request: Request<Incoming>) -> Response<Message> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return self.unreadable();
        };
        let turn = self.seen.requests.fetch_add(1, Relaxed) + 1;
        if self
            .order
            .refuse_every
            .is_some_and(|every| turn.is_multiple_of(every))
        {
            self.seen.refused.fetch_add(1, Relaxed);
            return refusal(self.order.transport);
        }
        match self.note(&head, body.to_bytes()) {
            Some(()) => success(self.order.transport),
            None => self.unreadable(),
        }
    }

    fn note(&self, head: &http::request::Parts, body: Bytes) -> Option<()> {
        let signal = signal_of(head.uri.path())?;
        self.seen.wire_bytes.fetch_add(body.len() as u64, Relaxed);
        let (encoding, message) = unframe(self.order.transport, &head.headers, body)?;
        let counted = count(signal, encoding, &message)?;
        self.seen.encoding(encoding).fetch_add(1, Relaxed);
        self.seen
            .inflated_bytes
            .fetch_add(counted.inflated_bytes, Relaxed);
        self.seen.items[signal.index()].fetch_add(counted.items, Relaxed);
        self.seen.last_arrival_unix_us.fetch_max(unix_us(), Relaxed);
        Some(())
    }

    fn unreadable(&self) -> Response<Message> {
        self.seen.unreadable.fetch_add(1, Relaxed);
        refusal(self.order.transport)
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    Signal::ALL
        .into_iter()
        .find(|signal| path == signal.grpc_path() || path == signal.http_path())
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    refused: AtomicU64,
    unreadable: AtomicU64,
    items: [AtomicU64; 3],
    identity: AtomicU64,
    gzip: AtomicU64,
    zstd: AtomicU64,
    wire_bytes: AtomicU64,
    inflated_bytes: AtomicU64,
    last_arrival_unix_us: AtomicU64,
}

impl Counters {
    fn encoding(&self, encoding: Encoding) -> &AtomicU64 {
        match encoding {
            Encoding::Identity => &self.identity,
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        }
    }

    fn read(&self) -> SinkSeen {
        SinkSeen {
            requests: self.requests.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            items: self.items.each_ref().map(|items| items.load(Relaxed)),
            identity: self.identity.load(Relaxed),
            gzip: self.gzip.load(Relaxed),
            zstd: self.zstd.load(Relaxed),
            wire_bytes: self.wire_bytes.load(Relaxed),
            inflated_bytes: self.inflated_bytes.load(Relaxed),
            last_arrival_unix_us: self.last_arrival_unix_us.load(Relaxed),
        }
    }
}
