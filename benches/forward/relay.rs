//! The floor: takes a whole request, forwards its bytes, waits for the answer, answers.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Fallible;
use crate::client::Pool;
use crate::order::{RelayOrder, wait_for_line};
use crate::scenario::Transport;
use crate::sink::serve;

/// Connections to the sink over HTTP/2: as many as senders open.
const CONNECTIONS: usize = 4;

type Whole = Collected<Bytes>;

/// Relays until stdin closes.
pub fn run(runtime: &Runtime, order: RelayOrder) -> Fallible<()> {
    let relay = Arc::new(runtime.block_on(Relay::new(&order))?);
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", order.listen_port)))?;
    runtime.spawn(accept(listener, relay));
    while wait_for_line()? {}
    Ok(())
}

async fn accept(listener: TcpListener, relay: Arc<Relay>) {
    while let Ok((stream, _)) = listener.accept().await {
        let relay = relay.clone();
        let transport = relay.transport;
        tokio::spawn(serve(stream, transport, move |request| {
            let relay = relay.clone();
            async move { Ok::<_, Infallible>(relay.answer(request).await) }
        }));
    }
}

struct Relay {
    transport: Transport,
    authority: Authority,
    host: HeaderValue,
    pool: Pool<Whole>,
}

impl Relay {
    async fn new(order: &RelayOrder) -> Fallible<Relay> {
        let name = format!("127.0.0.1:{}", order.sink_port);
        let connections = if order.transport == Transport::Grpc {
            CONNECTIONS
        } else {
            0
        };
        Ok(Relay {
            transport: order.transport,
            authority: name.parse()?,
            host: name.parse()?,
            pool: Pool::open(order.transport, order.sink_port, connections).await?,
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Whole> {
        self.forward(request).await.unwrap_or_else(|_| {
            let mut response = Response::new(Whole::default());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }

    async fn forward(&self, request: Request<Incoming>) -> Fallible<Response<Whole>> {
        let (head, body) = request.into_parts();
        let request = self.readdress(Request::from_parts(head, body.collect().await?))?;
        let mut connection = self.pool.take().await?;
        let (head, body) = connection.call(request).await?.into_parts();
        let body = body.collect().await?;
        self.pool.give_back(connection);
        Ok(Response::from_parts(head, body))
    }

    fn readdress(&self, mut request: Request<Whole>) -> Fallible<Request<Whole>> {
        if self.transport == Transport::Http {
            // Content-Length came in with the request and is right for the same bytes.
            debug_assert!(request.headers().contains_key(CONTENT_LENGTH));
            request.headers_mut().insert(HOST, self.host.clone());
            return Ok(request);
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(
            request
                .uri()
                .path_and_query()
                .cloned()
                .unwrap_or(PathAndQuery::from_static("/")),
        );
        *request.uri_mut() = Uri::from_parts(parts)?;
        Ok(request)
    }
}
