//! A relay before the agent's HTTP face that asks for another format than the scraper did.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::{Connection, Reply, own_loopback};

/// What becomes of the scraper's `Accept`.
#[derive(Clone, Copy, Debug)]
pub enum Accept {
    /// Passed on as it is.
    Same,
    /// Passed on without its first entry.
    WithoutFirst,
    /// Replaced.
    Only(&'static str),
}

/// A running relay; it ends with the test.
pub struct Relay {
    pub address: SocketAddr,
    answered: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Passes requests on `to` the agent.
    pub async fn start(to: SocketAddr, accept: Accept) -> Relay {
        let address = SocketAddr::new(own_loopback().into(), to.port());
        let listener = TcpListener::bind(address).await.unwrap();
        let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let shared = Arc::clone(&answered);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, to, accept, Arc::clone(&shared)));
            }
        });
        Relay {
            address,
            answered,
            task,
        }
    }

    /// The types of content that have been answered so far.
    pub fn content_types(&self) -> BTreeSet<String> {
        self.answered.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    to: SocketAddr,
    accept: Accept,
    answered: Arc<Mutex<BTreeSet<String>>>,
) {
    let pass = service_fn(|request: Request<Incoming>| {
        let answered = Arc::clone(&answered);
        async move { Ok::<_, Infallible>(pass(request, to, accept, &answered).await) }
    });
    // A scraper that goes away in the middle is its own affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), pass)
        .await;
}

async fn pass(
    request: Request<Incoming>,
    to: SocketAddr,
    accept: Accept,
    answered: &Mutex<BTreeSet<String>>,
) -> Response<Full<Bytes>> {
    let (mut head, _) = request.into_parts();
    let asked = head.headers.get(ACCEPT).cloned();
    let asked = asked.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let host = HeaderValue::from_str(&to.to_string()).unwrap();
    head.headers.insert(HOST, host);
    let changed = match accept {
        Accept::Same => asked,
        Accept::WithoutFirst => asked.split_once(',').unwrap().1.to_owned(),
        Accept::Only(format) => format.to_owned(),
    };
    let changed = HeaderValue::from_str(&changed).unwrap();
    head.headers.insert(ACCEPT, changed);
    let sent = Request::from_parts(head, Full::default());
    let Some(reply) = ask(to, sent).await else {
        let mut away = Response::new(Full::default());
        *away.status_mut() = http::StatusCode::BAD_GATEWAY;
        return away;
    };
    let content_type = reply.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    answered.lock().unwrap().insert(content_type.to_owned());
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

async fn ask(to: SocketAddr, request: Request<Full<Bytes>>) -> Option<Reply> {
    let mut connection = Connection::open(to, false, None).await.ok()?;
    connection.send(request).await.ok()
}
