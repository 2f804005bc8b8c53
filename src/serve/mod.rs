//! The HTTP face: what people, probes and Prometheus ask the agent.
//!
//! One table names every endpoint; the routes, the index and the error texts are made from it.
//! Every answer carries `X-Request-ID` and `Cache-Control: no-store`. What a caller is shown depends on where the face
//! listens and on the token that the caller presents ([`Access`]).

mod access;
mod answer;
mod breakers;
mod cache;
mod endpoint;
mod fault;
mod feed;
mod health;
mod identity;
mod index;
mod probes;
mod request;
mod routes;
mod shown;
mod system;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;

use crate::telemetry::{CacheReading, Instruments, Tracer};

pub use access::Access;
pub use breakers::{BreakerOrder, BreakerView, OrderBreaker, tell_change};
pub use feed::Feed;
pub use health::BREAKERS;
pub use routes::routes;

/// Where the agent stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sockets are bound, recovery is not done.
    Starting,
    /// Everything runs.
    Running,
    /// The end has been asked for; what is under way is finished.
    Draining,
}

/// How a check stands, in the words of the health-check draft and the reference documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Not known yet: the agent has just started.
    Starting,
    /// As it should be.
    Pass,
    /// Works, but somebody should look.
    Warn,
    /// Does not work.
    Fail,
}

impl CheckStatus {
    /// The status as answers show it.
    pub const fn name(self) -> &'static str {
        match self {
            CheckStatus::Starting => "starting",
            CheckStatus::Pass => "pass",
            CheckStatus::Warn => "warn",
            CheckStatus::Fail => "fail",
        }
    }
}

/// One dependency, as the endpoints show it. No text in it holds a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The probe's name.
    pub name: String,
    /// `postgres`, `http`, `export`, …
    pub kind: &'static str,
    /// The groups by which `?include=` finds it, that of its kind included: `database`, `cache`, `exports`, and configured ones.
    pub groups: Vec<String>,
    /// Whether the agent is not ready while this fails.
    pub required: bool,
    /// How it stands.
    pub status: CheckStatus,
    /// Why its status does not count now: a maintenance window, or a parent that is down.
    pub excused: Option<String>,
    /// One plain sentence.
    pub message: String,
    /// What to do next, where something is to be done.
    pub advice: Option<String>,
    /// What is checked, as `db:5432/orders`.
    pub target: String,
    /// Since when it has this status.
    pub since: Option<SystemTime>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// When the next run is due.
    pub next_run: Option<SystemTime>,
    /// When the first certificate that was shown ends.
    pub certificate_ends: Option<SystemTime>,
    /// What else was found, by name.
    pub facts: BTreeMap<&'static str, serde_json::Value>,
}

/// How the last run of a check went.
#[derive(Clone, Debug, PartialEq)]
pub struct LastRun {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// How long each phase took, in their order.
    pub phases: Vec<(&'static str, Duration)>,
    /// Why it failed, in one word, and in which phase; `None` when it succeeded.
    pub failure: Option<(&'static str, Option<&'static str>)>,
}

/// A question that the face passes on to another room. It must not block.
pub type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// An answer that takes its time.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A question that another room answers in its own time.
pub type AskLater<T> = Arc<dyn Fn() -> Later<T> + Send + Sync>;

/// A question that brings something along.
pub type AskLaterWith<A, T> = Arc<dyn Fn(A) -> Later<T> + Send + Sync>;

/// What a scraper asks for (Prometheus, "Content negotiation").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrapeRequest {
    /// The header `Accept`, where it is text.
    pub accept: Option<String>,
    /// The header `Accept-Encoding`, where it is text.
    pub accept_encoding: Option<String>,
}

/// What a scraper gets.
#[derive(Clone, Debug)]
pub struct Scraped {
    /// The header `Content-Type`.
    pub content_type: HeaderValue,
    /// The header `Content-Encoding`, where the body is compressed.
    pub content_encoding: Option<HeaderValue>,
    /// The metrics.
    pub body: Bytes,
}

/// All that the HTTP face knows of the agent.
#[derive(Clone)]
pub struct Face {
    /// The name in `/` and `/health`, usually `lineside`.
    pub service: String,
    /// What this agent has switched on, as `/api/health` lists it.
    pub features: Vec<String>,
    /// Who is shown details and may have checks run.
    pub access: Access,
    /// Where the agent stands.
    pub phase: Ask<Phase>,
    /// A plain sentence for each export that does not get rid of what waits for it.
    pub stuck: Ask<Vec<String>>,
    /// The ledger as `/api/ledger` shows it.
    pub ledger: Ask<serde_json::Value>,
    /// All metrics in a format that the scraper takes.
    pub scrape: AskLaterWith<ScrapeRequest, Scraped>,
    /// All metrics as `/metrics/json` shows them; `None` where no series are kept.
    pub metrics_json: AskLater<Option<Bytes>>,
    /// Who calls whom, as `/api/map` shows it; `None` where no series are kept.
    pub map: AskLater<Option<Bytes>>,
    /// What could not be shown as it was sent, as `/api/conflicts` shows it; `None` where no series are kept.
    pub conflicts: AskLater<Option<Bytes>>,
    /// Every dependency that is checked, by name in ascending order.
    pub checks: Ask<Vec<Check>>,
    /// Runs the check of this name now and shows how it went; `None` where there is none of this name.
    pub run_check: AskLaterWith<String, Option<Check>>,
    /// Every circuit breaker, by service in ascending order.
    pub breakers: Ask<Vec<BreakerView>>,
    /// Sets a breaker by hand.
    pub order_breaker: OrderBreaker,
    /// The changes of breakers as they happen.
    pub breaker_events: Feed,
    /// The layers of the gateway's response cache, in their order; none where no route keeps answers.
    pub cache: Ask<Vec<CacheReading>>,
    /// The agent's own instruments.
    pub instruments: Arc<Instruments>,
    /// The tracer of own spans.
    pub tracer: Tracer,
}
