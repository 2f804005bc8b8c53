//! Servers that repeat whatever they are told, the worst that can happen to a secret.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::own_loopback;

/// What was said to it.
type Heard = Arc<Mutex<Vec<u8>>>;

/// A server that repeats, until it is dropped.
pub struct Parrot {
    pub address: SocketAddr,
    heard: Heard,
    task: JoinHandle<()>,
}

/// What it understands.
#[derive(Clone, Copy)]
enum Language {
    Bytes,
    Http,
}

impl Parrot {
    /// Sends every byte back.
    pub async fn of_bytes() -> Parrot {
        Parrot::start(Language::Bytes).await
    }

    /// Answers HTTP of both versions, and gRPC, with all of the request: in the body, which is JSON with it as `$.said`, and
    /// of its header `x-key` in `x-said`, `location` and `grpc-message`. The path says which status: `/302`.
    pub async fn of_requests() -> Parrot {
        Parrot::start(Language::Http).await
    }

    async fn start(language: Language) -> Parrot {
        let listener = TcpListener::bind((own_loopback(), 7000)).await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
        let shared = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(language, stream, Arc::clone(&shared)));
            }
        });
        Parrot {
            address,
            heard,
            task,
        }
    }

    /// Everything that was said to it.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Parrot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that is gone is its own affair.
async fn serve(language: Language, stream: TcpStream, heard: Heard) {
    match language {
        Language::Bytes => drop(repeat_bytes(stream, &heard).await),
        Language::Http => {
            let answer = service_fn(|request| repeat(request, Arc::clone(&heard)));
            let builder = Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
        }
    }
}

async fn repeat_bytes(mut stream: TcpStream, heard: &Heard) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        heard.lock().unwrap().extend(&buffer[..count]);
        stream.write_all(&buffer[..count]).await?;
    }
}

async fn repeat(
    request: Request<Incoming>,
    heard: Heard,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let mut said = format!("{} {}\n", head.method, head.uri);
    for (name, value) in &head.headers {
        said += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    let body = body.collect().await.map(|body| body.to_bytes());
    said += &String::from_utf8_lossy(&body.unwrap_or_default());
    heard.lock().unwrap().extend(said.as_bytes());
    let status = head.uri.path()[1..].parse().unwrap_or(200_u16);
    let json = serde_json::json!({ "said": said }).to_string();
    let mut response = Response::new(Full::from(json));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    let key = head.headers.get("x-key").cloned();
    let key = key.unwrap_or(HeaderValue::from_static("none"));
    let location = [b"/302?key=", key.as_bytes()].concat();
    let location = HeaderValue::from_bytes(&location).unwrap();
    let headers = response.headers_mut();
    headers.insert("content-type", "application/grpc".parse().unwrap());
    headers.insert("grpc-status", HeaderValue::from_static("13"));
    headers.insert("grpc-message", key.clone());
    headers.insert("x-said", key);
    headers.insert("location", location);
    Ok(response)
}
