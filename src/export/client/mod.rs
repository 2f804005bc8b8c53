//! One destination over the network: connection pool, TLS, headers, and the two protocols.

mod grpc;
mod http;

use std::time::Duration;

use ::http::header::USER_AGENT;
use ::http::uri::{Authority, PathAndQuery, Scheme};
use ::http::{HeaderMap, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::outcome::Outcome;
use super::payload::Payload;
use crate::config::Protocol;
use crate::dial::{self, ClientTls};
use crate::otlp::{Encoding, Signal};

/// Answers are small; a destination that sends more is cut off.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Requests are about a mebibyte: windows that never stall one on a short line.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const POOL_IDLE: Duration = Duration::from_secs(90);
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Where an export sends, and how.
#[derive(Clone, Debug)]
pub struct Destination {
    /// `http://` or `https://`, a host, a port, and for HTTP a path before `/v1/…`.
    pub endpoint: Uri,
    /// gRPC or HTTP/protobuf.
    pub protocol: Protocol,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// For `https://`.
    pub tls: ClientTls,
    /// For one request, from its first byte to the end of its answer.
    pub timeout: Duration,
    /// For one connection.
    pub connect_timeout: Duration,
}

/// Why a destination can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS material could not be read or used.
    #[error("{0}")]
    Tls(String),
    /// The endpoint has no scheme or host.
    #[error("endpoint {0} must be http:// or https:// with a host")]
    Endpoint(Uri),
}

type Pool = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Payload>;

/// A client of one destination. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool,
    protocol: Protocol,
    uris: [Uri; 3],
    headers: HeaderMap,
    timeout: Duration,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub fn new(destination: Destination) -> Result<Client, ClientError> {
        let uris = uris(&destination)?;
        let pool = pool(&destination)?;
        let Destination {
            protocol,
            headers,
            timeout,
            ..
        } = destination;
        Ok(Client {
            pool,
            protocol,
            uris,
            headers,
            timeout,
        })
    }

    /// Sends one request of `signal`, its body compressed as `encoding`.
    pub(super) async fn send(
        &self,
        signal: Signal,
        encoding: Encoding,
        payload: Payload,
        trace: &HeaderMap,
    ) -> Outcome {
        let sent = async {
            match self.protocol {
                Protocol::Grpc => grpc::send(self, signal, encoding, payload, trace).await,
                Protocol::Http => http::send(self, signal, encoding, payload, trace).await,
            }
        };
        let waited = timeout(self.timeout, sent).await;
        waited.unwrap_or_else(|_| Outcome::retry(format!("no answer within {:?}", self.timeout)))
    }

    fn request(&self, signal: Signal, payload: Payload, trace: &HeaderMap) -> Request<Payload> {
        let mut request = Request::new(payload);
        *request.method_mut() = ::http::Method::POST;
        *request.uri_mut() = self.uris[signal.index()].clone();
        // Configured headers win.
        request.headers_mut().insert(USER_AGENT, dial::USER_AGENT);
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(trace.clone());
        request
    }

    async fn exchange(&self, request: Request<Payload>) -> Result<Response<Incoming>, Outcome> {
        self.pool
            .request(request)
            .await
            .map_err(|error| Outcome::retry(reason(&error)))
    }
}

fn uris(destination: &Destination) -> Result<[Uri; 3], ClientError> {
    let endpoint = &destination.endpoint;
    let refused = || ClientError::Endpoint(endpoint.clone());
    let (scheme, authority) = (endpoint.scheme(), endpoint.authority());
    let (scheme, authority) = scheme.zip(authority).ok_or_else(refused)?;
    let base = endpoint.path().trim_end_matches('/');
    let uri = |signal: Signal| {
        let path = match destination.protocol {
            Protocol::Grpc => signal.grpc_path().to_owned(),
            Protocol::Http => format!("{base}{}", signal.http_path()),
        };
        join(scheme, authority, &path).ok_or_else(refused)
    };
    let [traces, metrics, logs] = Signal::ALL;
    Ok([uri(traces)?, uri(metrics)?, uri(logs)?])
}

fn join(scheme: &Scheme, authority: &Authority, path: &str) -> Option<Uri> {
    let path: PathAndQuery = path.parse().ok()?;
    let builder = Uri::builder()
        .scheme(scheme.clone())
        .authority(authority.clone());
    builder.path_and_query(path).build().ok()
}

fn pool(destination: &Destination) -> Result<Pool, ClientError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(destination.connect_timeout));
    tcp.set_keepalive(Some(PING_EVERY));
    let tls = destination
        .tls
        .config()
        .map_err(|error| ClientError::Tls(error.to_string()))?;
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = destination.tls.server_name() {
        let name = name.map_err(|error| ClientError::Tls(error.to_string()))?;
        https = https.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(name));
    }
    let grpc = destination.protocol == Protocol::Grpc;
    let https = if grpc {
        https.enable_http2().wrap_connector(tcp)
    } else {
        https.enable_all_versions().wrap_connector(tcp)
    };
    Ok(
        hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http2_only(grpc)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(https),
    )
}

/// An error with everything beneath it: "client error (Connect): … : Connection refused".
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
