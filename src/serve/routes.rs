//! The table of endpoints, and the one filter made from it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::answer::{self, Answer};
use super::identity::Identity;
use super::{AskLater, Face, ScrapeRequest, fault, health, index};

/// A path and what answers there.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The whole path.
    pub(super) path: &'static str,
    /// One line for the index.
    pub(super) about: &'static str,
    action: Action,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Index,
    Metrics,
    MetricsJson,
    Map,
    Conflicts,
    Ledger,
    Health,
    FullHealth,
    Live,
    Ready,
}

const fn endpoint(path: &'static str, action: Action, about: &'static str) -> Endpoint {
    Endpoint {
        path,
        about,
        action,
    }
}

/// Every endpoint. All answer GET and HEAD.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    endpoint("/", Action::Index, "this list"),
    endpoint(
        "/metrics",
        Action::Metrics,
        "metrics for Prometheus, in the format that Accept asks for",
    ),
    endpoint(
        "/api/metrics",
        Action::Metrics,
        "the same as /metrics; ?format=json: as /metrics/json",
    ),
    endpoint(
        "/metrics/json",
        Action::MetricsJson,
        "the same metrics as JSON, with percentiles",
    ),
    endpoint(
        "/api/map",
        Action::Map,
        "who calls whom, databases and third parties included, with rate, errors and p95",
    ),
    endpoint(
        "/api/conflicts",
        Action::Conflicts,
        "metrics that could not be shown as they were sent, and why",
    ),
    endpoint(
        "/api/ledger",
        Action::Ledger,
        "items received, delivered, waiting, refused and dropped, by signal and export",
    ),
    endpoint(
        "/health",
        Action::Health,
        "short health for load balancers; 503 when not ready",
    ),
    endpoint(
        "/api/health",
        Action::FullHealth,
        "health with memory, cpu, system and the checks named in ?include=a,b",
    ),
    endpoint("/health/live", Action::Live, "liveness; asks no dependency"),
    endpoint("/api/live", Action::Live, "the same as /health/live"),
    endpoint(
        "/health/ready",
        Action::Ready,
        "readiness; 503 with reasons when an export is stuck",
    ),
    endpoint("/api/ready", Action::Ready, "the same as /health/ready"),
];

/// What of a request an endpoint looks at.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: FullPath,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
}

impl Request {
    /// The header's value, where it is there and text.
    fn header(&self, name: HeaderName) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }

    /// The values of `name` in the query, split at commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let values = pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        // Names hold no other character that a client would have to escape.
        let values = values
            .map(|value| value.replace("%2C", ",").replace("%2c", ","))
            .collect::<Vec<_>>();
        let names = values.iter().flat_map(|value| value.split(','));
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The whole face as one filter that answers every request, known or not.
pub fn routes(face: Face) -> BoxedFilter<(Answer,)> {
    let face = Arc::new(face);
    let unknown = unknown(Arc::clone(&face));
    let known = ENDPOINTS
        .iter()
        .map(|endpoint| known(endpoint, Arc::clone(&face)));
    known
        .rev()
        .fold(unknown, |others, one| one.or(others).unify().boxed())
}

fn known(endpoint: &'static Endpoint, face: Arc<Face>) -> BoxedFilter<(Answer,)> {
    let identities = [Method::GET, Method::HEAD].map(|method| {
        (
            method.clone(),
            Arc::new(Identity::new(&face, &method, endpoint.path)),
        )
    });
    let identities: Arc<HashMap<Method, Arc<Identity>>> =
        Arc::new(identities.into_iter().collect());
    exactly(endpoint.path)
        .and(reading())
        .and(request())
        .and_then(move |request: Request| {
            let identity = identities.get(&request.method).cloned();
            let face = Arc::clone(&face);
            async move {
                let Some(identity) = identity else {
                    return Err(warp::reject::not_found());
                };
                Ok(identity
                    .around(&request, act(endpoint.action, &face, &request))
                    .await)
            }
        })
        .boxed()
}

/// What no endpoint takes: a wrong path or a wrong method.
fn unknown(face: Arc<Face>) -> BoxedFilter<(Answer,)> {
    request()
        .and_then(move |request: Request| {
            let identity = Identity::new(&face, &request.method, "/*");
            async move {
                Ok::<_, Infallible>(
                    identity
                        .around(&request, async { fault::unanswered(&request) })
                        .await,
                )
            }
        })
        .boxed()
}

/// Passes only this path, with or without a slash at its end.
fn exactly(path: &'static str) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::path::full()
        .and_then(move |asked: FullPath| async move {
            if trimmed(asked.as_str()) == path {
                Ok(())
            } else {
                Err(warp::reject::not_found())
            }
        })
        .untuple_one()
}

/// Passes only GET and HEAD.
fn reading() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::get().or(warp::head()).unify()
}

fn request() -> impl Filter<Extract = (Request,), Error = Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .map(|method, path, query, headers| Request {
            method,
            path,
            query,
            headers,
        })
}

/// The path without a slash at its end.
pub(super) fn trimmed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(trimmed) => trimmed,
    }
}

async fn act(action: Action, face: &Arc<Face>, request: &Request) -> Answer {
    match action {
        Action::Index => index::answer(face),
        Action::Metrics if request.list("format") == ["json"] => series(&face.metrics_json).await,
        Action::Metrics => metrics(face, request).await,
        Action::MetricsJson => series(&face.metrics_json).await,
        Action::Map => series(&face.map).await,
        Action::Conflicts => series(&face.conflicts).await,
        Action::Ledger => guarded(|| answer::json(StatusCode::OK, &(face.ledger)())),
        Action::Health => guarded(|| health::short(face, request)),
        Action::FullHealth => guarded(|| health::full(face, request)),
        Action::Live => health::live(),
        Action::Ready => guarded(|| health::ready(face)),
    }
}

/// Asks other rooms; should one panic, that is its fault alone and the connection goes on.
fn guarded(ask: impl FnOnce() -> Answer) -> Answer {
    let asked = std::panic::catch_unwind(AssertUnwindSafe(ask));
    asked.unwrap_or_else(|_| fault::internal("a part of the agent panicked when it was asked"))
}

async fn metrics(face: &Face, request: &Request) -> Answer {
    let scrape = Arc::clone(&face.scrape);
    let asked = ScrapeRequest {
        accept: request.header(ACCEPT),
        accept_encoding: request.header(ACCEPT_ENCODING),
    };
    match guarded_later(async move { scrape(asked).await }).await {
        Ok(scraped) => answer::scraped(scraped),
        Err(answer) => answer,
    }
}

/// What is shown of series only.
async fn series(ask: &AskLater<Option<Bytes>>) -> Answer {
    let ask = Arc::clone(ask);
    match guarded_later(async move { ask().await }).await {
        Ok(Some(json)) => answer::json_text(json),
        Ok(None) => fault::no_series(),
        Err(answer) => answer,
    }
}

/// As [`guarded`], for questions that take their time: a task of its own keeps a panic to itself.
async fn guarded_later<T: Send + 'static>(
    ask: impl Future<Output = T> + Send + 'static,
) -> Result<T, Answer> {
    let asked = tokio::spawn(ask).await;
    asked.map_err(|error| fault::internal(&format!("the question did not end: {error}")))
}
