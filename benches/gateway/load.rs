//! A fixed number of requests over connections that are kept, each answer timed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Fallible;
use crate::nginx::BODY;

/// What is sent where.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub port: u16,
    pub connections: usize,
    pub requests: usize,
    /// Whether requests carry a trace that the caller samples.
    pub is_sampled: bool,
}

/// What was seen of the answers. All of them were right, or the run has ended.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Load {
    /// Sends everything.
    pub async fn send(self) -> Fallible<Seen> {
        let left = Arc::new(AtomicUsize::new(self.requests));
        let begun = Instant::now();
        let senders: Vec<_> = (0..self.connections.max(1))
            .map(|_| tokio::spawn(keep_sending(self, Arc::clone(&left))))
            .collect();
        let mut times = Vec::with_capacity(self.requests);
        for sender in senders {
            times.extend(sender.await??);
        }
        let took = begun.elapsed();
        times.sort_unstable();
        Ok(Seen {
            per_s: times.len() as f64 / took.as_secs_f64(),
            p50_us: quantile_us(&times, 0.50),
            p99_us: quantile_us(&times, 0.99),
        })
    }
}

async fn keep_sending(load: Load, left: Arc<AtomicUsize>) -> Fallible<Vec<Duration>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, load.port));
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut times = Vec::with_capacity(load.requests / load.connections.max(1) * 2);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let request = request(load)?;
        let begun = Instant::now();
        ask(&mut sender, request).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn request(load: Load) -> Fallible<Request<Empty<Bytes>>> {
    let mut request = Request::get("/api/v1/customers/cus_4711?expand=plan").body(Empty::new())?;
    let headers = request.headers_mut();
    for (name, value) in [
        ("host", "gateway.internal"),
        ("user-agent", "bench/1"),
        ("accept", "application/json"),
        ("authorization", "Bearer 0123456789abcdef"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if load.is_sampled {
        let (trace, span) = (fastrand::u128(1..), fastrand::u64(1..));
        let parent = format!("00-{trace:032x}-{span:016x}-01");
        headers.insert("traceparent", HeaderValue::try_from(parent)?);
    }
    Ok(request)
}

async fn ask(
    sender: &mut SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Fallible<()> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    match status == StatusCode::OK && body == BODY {
        true => Ok(()),
        false => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
    }
}

/// The nearest-rank quantile of sorted times.
fn quantile_us(sorted: &[Duration], quantile: f64) -> f64 {
    let rank = (sorted.len() as f64 * quantile).ceil() as usize;
    let found = sorted.get(rank.saturating_sub(1));
    found.map_or(0.0, |took| took.as_secs_f64() * 1e6)
}
