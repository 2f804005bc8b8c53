//! The transports: OTLP/gRPC and OTLP/HTTP to the one door. Knows transports, nothing else.
//!
//! Either protocol is served on every receiving port: a `content-type` of `application/grpc` is
//! gRPC, anything else is OTLP/HTTP.

mod auth;
mod body;
mod cors;
mod grpc;
mod http;
mod reply;
mod status;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;

pub use auth::{BearerToken, Presented};
pub use cors::Cors;
pub use reply::ReplyBody;

use crate::intake::Intake;
use crate::otlp::Signal;
use crate::telemetry::{HttpRoute, Instruments, RpcMethod};

/// What a sender may send and how it is told to come back.
#[derive(Clone, Debug)]
pub struct ReceiveOptions {
    /// Bytes of one request as sent.
    pub max_body_bytes: usize,
    /// From the request's head to the end of its body.
    pub body_timeout: Duration,
    /// The hint given with every refusal that is worth another try.
    pub retry_after: Duration,
    /// The token that senders must present.
    pub token: Option<BearerToken>,
    /// Which web pages may send.
    pub cors: Cors,
}

/// Serves OTLP on one or more listeners. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
}

struct Shared {
    intake: Intake,
    options: ReceiveOptions,
    http_routes: [HttpRoute; 3],
    rpc_methods: [RpcMethod; 3],
}

impl Receiver {
    /// A receiver in front of `intake`.
    pub fn new(intake: Intake, options: ReceiveOptions, instruments: &Instruments) -> Receiver {
        let http_routes =
            Signal::ALL.map(|signal| instruments.http_route("POST", signal.http_path()));
        let rpc_methods = Signal::ALL.map(|signal| instruments.rpc_method(signal));
        Receiver {
            shared: Arc::new(Shared {
                intake,
                options,
                http_routes,
                rpc_methods,
            }),
        }
    }
}

impl Service<Request<Incoming>> for Receiver {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            Ok(if is_grpc(&request) {
                grpc::answer(&shared, request).await
            } else {
                http::answer(&shared, request).await
            })
        })
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .map(|value| value.as_bytes());
    content_type.is_some_and(|value| value.starts_with(b"application/grpc"))
}
