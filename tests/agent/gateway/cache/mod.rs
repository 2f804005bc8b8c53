//! The response cache, in memory and in a Redis that agents share.

mod memory;
mod shared;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::Request;
use serde_json::Value;

use super::fixture::{Answer, Seen, Upstream, ask, get, problem, route_to};
use crate::fixture::{Agent, Config, Reply, eventually};

const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration with one route, named "up", that keeps answers.
fn keeping(upstream: &Upstream) -> Config {
    route_to(&upstream.url()).set("route.up.cache.max_ttl", "1h")
}

/// An upstream whose n-th answer is fresh for a minute and has "n" for a body.
async fn counting() -> Upstream {
    let upstream = Upstream::start().await;
    let count = AtomicUsize::new(0);
    upstream.decide(move |_| {
        let count = count.fetch_add(1, Relaxed) + 1;
        Answer::reply(200, &[("cache-control", "max-age=60")], &count.to_string())
    });
    upstream
}

/// What the cache says that it did.
fn told(reply: &Reply) -> &str {
    reply.header("cache-status").unwrap_or("")
}

/// `/metrics/cache`.
async fn cache(agent: &Agent) -> Value {
    agent.get("/metrics/cache").await.unwrap().json()
}

/// GET with headers.
async fn get_with(agent: &Agent, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(agent, request, "").await
}
