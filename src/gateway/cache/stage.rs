//! The way of a request through the cache.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, COOKIE, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderName, Method, Request, request};
use http_body::Body;
use tokio::time::{Instant, timeout_at};

use super::directives::Wishes;
use super::flights::{Landing, Lead, Seat};
use super::key::{CacheKey, Scope};
use super::look::Found;
use super::precondition::{Had, is_for_upstream};
use super::status::{CacheStatus, Forward};
use super::{Cache, L1, L2, entry::Entry, entry::not_modified};
use crate::config::{Direction, RouteCache, RouteSettings};
use crate::gateway::{Answer, Onward, Refusal, RequestBody};

/// How often a request waits for others before it goes by itself: once for the answer, and once more where that turned out to be for requests
/// with other headers.
const MAX_WAITS: u32 = 2;

/// The cache in front of one route.
pub struct CacheStage {
    pub(super) cache: Arc<Cache>,
    pub(super) settings: RouteCache,
    /// What the head of an answer may take.
    pub(super) max_head: usize,
    /// How long a request waits for another, and how long a body may take to be kept.
    pub(super) patience: Duration,
    scope: Scope,
    /// Headers that show who asks.
    credentials: Vec<HeaderName>,
    /// Where the upstream is, for locations that answers name.
    pub(super) authority: String,
}

/// A request whose answer may be kept or be there.
pub(super) struct Asked {
    pub(super) parts: request::Parts,
    pub(super) key: CacheKey,
    /// The state of the key when the request came.
    pub(super) epoch: u64,
    pub(super) wishes: Wishes,
    /// What the caller has already.
    pub(super) had: Had,
    pub(super) has_credentials: bool,
    pub(super) is_head: bool,
}

/// What is done with a request.
enum Way {
    /// It is answered from the cache, if that has an answer.
    Through(Box<Asked>),
    /// It passes, and the cache has nothing to do with it.
    Past(Forward, Request<RequestBody>),
    /// It passes, and what is kept of the same is out of date after it.
    Unsafe(Request<RequestBody>),
}

/// What a request does next.
enum Turn {
    /// It has its answer.
    Answered(Answer),
    /// It goes to the upstream. Others may wait for it.
    Go(Found, Option<Lead>),
}

impl CacheStage {
    pub(super) fn new(
        cache: Arc<Cache>,
        name: &str,
        route: &RouteSettings,
        settings: &RouteCache,
    ) -> CacheStage {
        let sent = route.headers.iter();
        let sent = sent.map(|(name, value)| (name.as_str(), value.expose()));
        let by_host = route.direction == Direction::Ingress;
        let told_apart = route.caller.iter().filter_map(|name| name.parse().ok());
        let steps = &route.timeout;
        let authority = route.upstream.uri().authority();
        CacheStage {
            cache,
            settings: settings.clone(),
            max_head: route.max_answer_head.as_usize(),
            patience: steps
                .total
                .unwrap_or(steps.connect + steps.tls + steps.first_byte),
            scope: Scope::new(name, &route.upstream.to_string(), sent, by_host),
            credentials: [AUTHORIZATION, COOKIE]
                .into_iter()
                .chain(told_apart)
                .collect(),
            authority: authority.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Answers `request` with what is kept, or passes it on and keeps the answer. Headers that the route adds belong behind this stage.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn call(
        &self,
        request: Request<RequestBody>,
        onward: &impl Onward,
    ) -> Result<Answer, Refusal> {
        match self.way(request) {
            Way::Through(asked) => self.through(*asked, onward).await,
            Way::Past(why, request) => {
                let mut answer = onward.onward(request).await?;
                CacheStatus::forwarded(why).tell(answer.headers_mut());
                Ok(answer)
            }
            Way::Unsafe(request) => {
                let (key, target) = (self.key(&request), target(&request));
                let host = request.headers().get(http::header::HOST).cloned();
                let answered = onward.onward(request).await;
                self.invalidate_after(&key, &target, host.as_ref(), &answered);
                let mut answer = answered?;
                CacheStatus::forwarded(Forward::Method).tell(answer.headers_mut());
                Ok(answer)
            }
        }
    }

    fn way(&self, request: Request<RequestBody>) -> Way {
        let is_head = request.method() == Method::HEAD;
        if !is_head && request.method() != Method::GET {
            return match request.method().is_safe() {
                true => Way::Past(Forward::Method, request),
                false => Way::Unsafe(request),
            };
        }
        let headers = request.headers();
        let wishes = Wishes::of(headers);
        let is_past = wishes.no_store
            || is_for_upstream(headers)
            || headers.contains_key(UPGRADE)
            || !request.body().is_end_stream();
        if is_past {
            return Way::Past(Forward::Bypass, request);
        }
        let key = self.key(&request);
        let (parts, _) = request.into_parts();
        Way::Through(Box::new(Asked {
            epoch: self.cache.epochs.of(&key),
            key,
            wishes,
            had: Had::of(&parts.headers),
            has_credentials: self
                .credentials
                .iter()
                .any(|name| parts.headers.contains_key(name)),
            is_head,
            parts,
        }))
    }

    fn key(&self, request: &Request<RequestBody>) -> CacheKey {
        CacheKey::new(&self.scope, request.headers(), &target(request))
    }

    /// The key of another target for the same host.
    pub(super) fn key_of(
        &self,
        target: &PathAndQuery,
        host: Option<&http::HeaderValue>,
    ) -> CacheKey {
        let mut headers = http::HeaderMap::new();
        if let Some(host) = host {
            headers.insert(http::header::HOST, host.clone());
        }
        CacheKey::new(&self.scope, &headers, target)
    }

    async fn through(&self, asked: Asked, onward: &impl Onward) -> Result<Answer, Refusal> {
        let found = self.look(&asked, true);
        if let Some(answer) = self.answer_from(&asked, &found, L1) {
            return Ok(answer);
        }
        if asked.wishes.only_if_cached {
            let found = self.look_shared(&asked, found).await;
            return self
                .answer_from(&asked, &found, L2)
                .ok_or(Refusal::NotCached);
        }
        match self.turn(&asked, found).await {
            Turn::Answered(answer) => Ok(answer),
            Turn::Go(found, lead) => self.ask(asked, found, lead, onward).await,
        }
    }

    /// Waits for others that ask the same, as far as that is of use.
    async fn turn(&self, asked: &Asked, mut found: Found) -> Turn {
        let until = Instant::now() + self.patience;
        let why = found.forward(asked, self.cache.now());
        let mut waits = 0;
        while waits < MAX_WAITS && self.may_wait(asked, &found) {
            let waiting = match self.cache.flights.join(&found.key, asked.epoch) {
                Seat::Alone => break,
                Seat::Lead(lead) => return self.lead(asked, found, lead).await,
                Seat::Wait(waiting) => waiting,
            };
            let landing = timeout_at(until, waiting.landing()).await;
            found = self.look(asked, false);
            match landing {
                Ok(Landing::Kept) => {
                    if let Some(answer) = self.answer_brought(asked, &found, why) {
                        return Turn::Answered(answer);
                    }
                    waits += 1;
                }
                Ok(Landing::Failed) => {
                    if let Some(answer) = self.answer_failure(asked, &found, None) {
                        return Turn::Answered(answer);
                    }
                }
                Ok(Landing::Gone) => {}
                Ok(Landing::NotKept) | Err(_) => break,
            }
        }
        if found.may_pass {
            return Turn::Go(found, None);
        }
        let found = self.look_shared(asked, found).await;
        match self.answer_from(asked, &found, L2) {
            Some(answer) => Turn::Answered(answer),
            None => Turn::Go(found, None),
        }
    }

    /// Whether this request may wait for another one, and others for it: not where it wants an answer of its own, not where answers are
    /// known not to be kept, and with credentials only where what was kept is public.
    fn may_wait(&self, asked: &Asked, found: &Found) -> bool {
        let is_shared = !asked.has_credentials
            || found
                .entry
                .as_ref()
                .is_some_and(|entry| entry.terms.is_public);
        is_shared && !asked.is_head && !asked.wishes.no_cache && !found.may_pass
    }

    /// The others wait for this one.
    async fn lead(&self, asked: &Asked, found: Found, lead: Lead) -> Turn {
        // Another may have brought it between the look and the seat.
        let again = self.look(asked, false);
        if let Some(answer) = self.answer_from(asked, &again, L1) {
            lead.land(Landing::Kept);
            return Turn::Answered(answer);
        }
        let found = self.look_shared(asked, found).await;
        match self.answer_from(asked, &found, L2) {
            Some(answer) => {
                lead.land(Landing::Kept);
                Turn::Answered(answer)
            }
            None => Turn::Go(found, Some(lead)),
        }
    }

    /// The answer to `asked`, where what was found in `layer` is of use.
    fn answer_from(&self, asked: &Asked, found: &Found, layer: &'static str) -> Option<Answer> {
        let status = CacheStatus {
            is_hit: true,
            layer: Some(layer),
            ..CacheStatus::default()
        };
        self.answer_with(asked, found, status)
    }

    /// The same, where another request brought it because of `forward`.
    fn answer_brought(&self, asked: &Asked, found: &Found, forward: Forward) -> Option<Answer> {
        let status = CacheStatus {
            is_collapsed: true,
            ..CacheStatus::forwarded(forward)
        };
        self.answer_with(asked, found, status)
    }

    fn answer_with(&self, asked: &Asked, found: &Found, status: CacheStatus) -> Option<Answer> {
        let now = self.cache.now();
        let entry = found.entry.as_ref()?;
        let is_of_use = entry.answers(&asked.wishes, asked.has_credentials, now);
        is_of_use.then(|| {
            let ttl = Some(entry.ttl(now));
            self.given(asked, entry, &CacheStatus { ttl, ..status }, now)
        })
    }

    /// The answer to `asked` when the upstream fails (RFC 5861, section 4), where what was found may be given then.
    pub(super) fn answer_failure(
        &self,
        asked: &Asked,
        found: &Found,
        upstream: Option<u16>,
    ) -> Option<Answer> {
        let now = self.cache.now();
        let entry = found.entry.as_ref()?;
        if !entry.answers_failure(&asked.wishes, asked.has_credentials, now) {
            return None;
        }
        let status = CacheStatus {
            is_hit: true,
            forward: Some(found.forward(asked, now)),
            forward_status: upstream,
            ttl: Some(entry.ttl(now)),
            ..CacheStatus::default()
        };
        Some(self.given(asked, entry, &status, now))
    }

    /// What is kept, as the caller wants it.
    pub(super) fn given(
        &self,
        asked: &Asked,
        entry: &Entry,
        status: &CacheStatus,
        now: SystemTime,
    ) -> Answer {
        let mut answer = entry.answer(asked.is_head, now);
        if asked.had.is(entry.status, &entry.headers) {
            answer = not_modified(answer.headers());
        }
        status.tell(answer.headers_mut());
        answer
    }
}

/// Path and query as the upstream gets them.
fn target(request: &Request<RequestBody>) -> PathAndQuery {
    let target = request.uri().path_and_query().cloned();
    target.unwrap_or_else(|| PathAndQuery::from_static("/"))
}
