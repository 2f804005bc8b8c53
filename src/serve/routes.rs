//! The one filter made from the table of endpoints.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{Method, StatusCode};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::answer::{self, Answer};
use super::endpoint::{Action, ENDPOINTS, Endpoint};
use super::fault::{self, Refusal};
use super::identity::Identity;
use super::request::{MAX_QUERY_BYTES, Request, request};
use super::{AskLater, Face, ScrapeRequest, breakers, cache, health, index, probes};

/// An endpoint with the identities of its requests, one for each method.
struct Route {
    endpoint: &'static Endpoint,
    identities: Vec<(&'static Method, Identity)>,
}

impl Route {
    fn new(face: &Face, endpoint: &'static Endpoint) -> Route {
        let methods = endpoint.methods.iter();
        let identities = methods.map(|method| (method, Identity::new(face, method, endpoint.path)));
        Route {
            endpoint,
            identities: identities.collect(),
        }
    }

    /// The identity of `request` and its parameter, where this is its route.
    fn of<'a>(&self, request: &'a Request) -> Option<(&Identity, &'a str)> {
        let parameter = self.endpoint.parameter(request.path.as_str())?;
        let mut identities = self.identities.iter();
        let (_, identity) = identities.find(|(method, _)| **method == request.method)?;
        Some((identity, parameter))
    }
}

/// The whole face as one filter that answers every request, known or not.
pub fn routes(face: Face) -> BoxedFilter<(warp::reply::Response,)> {
    let routes: Arc<[Route]> = ENDPOINTS
        .iter()
        .map(|endpoint| Route::new(&face, endpoint))
        .collect();
    let face = Arc::new(face);
    request()
        .then(move |request| answer(Arc::clone(&face), Arc::clone(&routes), request))
        .map(answer::sent)
        .boxed()
}

async fn answer(face: Arc<Face>, routes: Arc<[Route]>, request: Request) -> Answer {
    for route in routes.iter() {
        if let Some((identity, parameter)) = route.of(&request) {
            let work = act(route.endpoint.action, &face, &request, parameter);
            return identity.around(&request, work).await;
        }
    }
    // What no endpoint takes: a wrong path or a wrong method.
    let identity = Identity::new(&face, &request.method, "/*");
    let work = async { fault::unanswered(&request) };
    identity.around(&request, work).await
}

async fn act(action: Action, face: &Arc<Face>, request: &Request, parameter: &str) -> Answer {
    if request.query.len() > MAX_QUERY_BYTES {
        return fault::refused(Refusal::QueryTooLong);
    }
    match action {
        Action::Index => index::answer(face),
        Action::Metrics if request.list("format") == ["json"] => series(&face.metrics_json).await,
        Action::Metrics => metrics(face, request).await,
        Action::MetricsJson => series(&face.metrics_json).await,
        Action::Map => series(&face.map).await,
        Action::Conflicts => series(&face.conflicts).await,
        Action::Ledger => guarded(|| Ok(answer::json(StatusCode::OK, &(face.ledger)()))),
        Action::Health => guarded(|| health::short(face, request)),
        Action::FullHealth => guarded(|| health::full(face, request)),
        Action::Databases => guarded(|| health::databases(face, request)),
        Action::Live => health::live(),
        Action::Ready => guarded(|| health::ready(face, request)),
        Action::Started => guarded(|| health::started(face, request)),
        Action::Performance => guarded(|| health::performance(face, request)),
        Action::Diagnostics => guarded(|| health::diagnostics(face, request)),
        Action::Probes => guarded(|| probes::all(face, request)),
        Action::Probe => guarded(|| probes::one(face, request, parameter)),
        Action::RunProbe => probes::run(face, request, parameter).await,
        Action::Circuits => guarded(|| breakers::circuits(face, request)),
        Action::Cache => guarded(|| cache::layers(face, request)),
        Action::Breakers => guarded(|| breakers::all(face, request)),
        Action::Breaker => guarded(|| breakers::one(face, request, parameter)),
        Action::BreakerEvents => guarded(|| breakers::events(face, request)),
        Action::OrderBreaker(order) => guarded(|| breakers::order(face, request, parameter, order)),
    }
}

/// Asks other rooms; should one panic, that is its fault alone and the connection goes on.
fn guarded(ask: impl FnOnce() -> Result<Answer, Refusal>) -> Answer {
    let asked = std::panic::catch_unwind(AssertUnwindSafe(ask));
    match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => fault::refused(refusal),
        Err(_) => fault::internal("a part of the agent panicked when it was asked"),
    }
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
pub(super) async fn guarded_later<T: Send + 'static>(
    ask: impl Future<Output = T> + Send + 'static,
) -> Result<T, Answer> {
    let asked = tokio::spawn(ask).await;
    asked.map_err(|error| fault::internal(&format!("the question did not end: {error}")))
}
