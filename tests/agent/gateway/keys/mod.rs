//! Idempotency keys: a request with a key runs once, however often it is sent, by whomever, through whichever agent.

mod repeated;
mod shared;
mod trouble;

use http::Request;
use serde_json::Value;

use super::fixture::{Upstream, ask, route_to};
use crate::fixture::{Agent, Config, Reply};

/// A route with keys, whose store is the SQLite file that is the default.
fn keyed(upstream: &Upstream) -> Config {
    route_to(&upstream.url())
        .set("route.up.idempotency.required", false)
        .set("route.up.limit.learn", false)
}

/// POST with a key.
async fn post(agent: &Agent, key: &str, body: &str) -> Reply {
    ask(agent, order(key), body).await
}

/// What is posted.
fn order(key: &str) -> http::request::Builder {
    Request::post("/up/orders")
        .header("idempotency-key", key)
        .header("content-type", "application/json")
}

/// Whether the answer was given before.
fn is_replayed(reply: &Reply) -> bool {
    reply.header("x-idempotent-replayed") == Some("true")
}

/// Whether a problem says that nobody knows how the first request ended.
fn is_unknown(problem: &Value) -> bool {
    problem["reason"] == "outcome_unknown"
}
