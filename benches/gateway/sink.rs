//! A destination for OTLP over HTTP that takes everything and counts spans.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lineside::otlp::{Signal, inspect};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Fallible;

/// A listener; it ends with the bench.
#[derive(Clone)]
pub struct Sink {
    pub port: u16,
    spans: Arc<AtomicU64>,
}

impl Sink {
    pub fn start(runtime: &Runtime) -> Fallible<Sink> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let sink = Sink {
            port: listener.local_addr()?.port(),
            spans: Arc::default(),
        };
        let spans = Arc::clone(&sink.spans);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let spans = Arc::clone(&spans);
                let service = service_fn(move |request| take(request, Arc::clone(&spans)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(sink)
    }

    /// Spans that have come.
    pub fn spans(&self) -> u64 {
        self.spans.load(Ordering::Relaxed)
    }
}

async fn take(
    request: Request<Incoming>,
    spans: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_traces = request.uri().path() == "/v1/traces";
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    // Counted without making anything of them: the sink shares the processors with what is measured.
    if is_traces && let Ok(tally) = inspect(Signal::Traces, &body) {
        spans.fetch_add(tally.items.into(), Ordering::Relaxed);
    }
    let mut answer = Response::new(Full::default());
    let protobuf = http::HeaderValue::from_static("application/x-protobuf");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, protobuf);
    Ok(answer)
}
