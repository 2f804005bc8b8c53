//! An answer that is kept.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, DATE,
    ETAG, EXPIRES, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::directives::Wishes;
use super::key::CacheKey;
use super::rules::{Terms, kept_headers};
use crate::gateway::{Answer, AnswerBody};

/// What an entry takes besides its bytes, roughly: the entry itself, its place in the map, and the table of its headers.
const OVERHEAD: usize = 512;

/// What each header takes besides its bytes.
const HEADER_OVERHEAD: usize = 96;

/// An answer to a GET.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// What it is kept under.
    pub(super) key: CacheKey,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// When it came, or was last confirmed.
    pub(super) at: SystemTime,
    pub(super) terms: Terms,
}

impl Entry {
    /// How old it is (RFC 9111, section 4.2.3).
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        let resident = now.duration_since(self.at).unwrap_or_default();
        self.terms.initial_age.saturating_add(resident)
    }

    /// How long it is fresh still.
    fn fresh_for(&self, now: SystemTime) -> Duration {
        self.terms.lifetime.saturating_sub(self.age(now))
    }

    /// How long it has not been fresh any more.
    fn stale_since(&self, now: SystemTime) -> Duration {
        self.age(now).saturating_sub(self.terms.lifetime)
    }

    /// Whether it is fresh.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.age(now) < self.terms.lifetime
    }

    /// Whether it answers a request with these wishes without a word of the upstream (RFC 9111, section 4).
    pub(super) fn answers(&self, wishes: &Wishes, has_credentials: bool, now: SystemTime) -> bool {
        if wishes.no_cache || (has_credentials && !self.terms.is_public) {
            return false;
        }
        if wishes.max_age.is_some_and(|most| self.age(now) > most) {
            return false;
        }
        match self.is_fresh(now) {
            true => self.fresh_for(now) >= wishes.min_fresh,
            false => {
                self.terms.may_be_stale
                    && !wishes.max_stale.is_zero()
                    && self.stale_since(now) <= wishes.max_stale
            }
        }
    }

    /// Whether it answers when the upstream fails (RFC 5861, section 4).
    pub(super) fn answers_failure(
        &self,
        wishes: &Wishes,
        has_credentials: bool,
        now: SystemTime,
    ) -> bool {
        if wishes.no_cache || (has_credentials && !self.terms.is_public) {
            return false;
        }
        let allowed = match self.terms.may_be_stale {
            true => self.terms.stale_for.max(wishes.stale_if_error),
            false => Duration::ZERO,
        };
        self.is_fresh(now) || (!allowed.is_zero() && self.stale_since(now) <= allowed)
    }

    /// What it takes of memory.
    pub(super) fn weight(&self) -> usize {
        let headers = self.headers.iter();
        let headers =
            headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD);
        OVERHEAD + self.key.as_bytes().len() + headers.sum::<usize>() + self.body.len()
    }

    /// The answer for a caller.
    pub(super) fn answer(&self, is_head: bool, now: SystemTime) -> Answer {
        let body = match is_head {
            true => Bytes::new(),
            false => self.body.clone(),
        };
        let mut answer = Response::new(AnswerBody::whole(body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        let headers = answer.headers_mut();
        headers.insert(AGE, HeaderValue::from(self.age(now).as_secs()));
        if is_head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        answer
    }

    /// Seconds that it is fresh still; below zero where it is not any more (RFC 9211, section 2.4).
    pub(super) fn ttl(&self, now: SystemTime) -> i64 {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        match self.is_fresh(now) {
            true => seconds(self.fresh_for(now)),
            false => -seconds(self.stale_since(now)),
        }
    }

    /// The headers after the upstream confirmed it by an answer with `confirming` (RFC 9111, section 3.2): those replace what
    /// was kept, but for what describes the body, and `Vary`, by which it was found.
    pub(super) fn confirmed_headers(&self, confirming: &HeaderMap, now: SystemTime) -> HeaderMap {
        const OF_THE_BODY: [HeaderName; 4] =
            [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, VARY];
        let mut headers = self.headers.clone();
        let fresh = kept_headers(confirming, now);
        for name in fresh.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            headers.remove(name);
            for value in fresh.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers
    }

    /// Whether an answer 304 with `headers` speaks of this entry (RFC 9111, section 4.3.4).
    pub(super) fn is_meant_by(&self, headers: &HeaderMap) -> bool {
        let etag = headers.get(ETAG);
        match (etag, self.headers.get(ETAG)) {
            (Some(theirs), Some(ours)) => weak(theirs.as_bytes()) == weak(ours.as_bytes()),
            (Some(_), None) => false,
            (None, _) => match headers.get(LAST_MODIFIED) {
                Some(theirs) => self
                    .headers
                    .get(LAST_MODIFIED)
                    .is_none_or(|ours| ours == theirs),
                None => true,
            },
        }
    }
}

/// An entity tag without the mark of a weak one (RFC 9110, section 8.8.3.2).
pub(super) fn weak(etag: &[u8]) -> &[u8] {
    let etag = etag.trim_ascii();
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

/// An answer 304 in place of one with `headers` (RFC 9110, section 15.4.5).
pub(super) fn not_modified(headers: &HeaderMap) -> Answer {
    const TOLD: [HeaderName; 8] = [
        AGE,
        CACHE_CONTROL,
        CONTENT_LOCATION,
        DATE,
        ETAG,
        EXPIRES,
        LAST_MODIFIED,
        VARY,
    ];
    let mut answer = Response::new(AnswerBody::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    for name in TOLD {
        for value in headers.get_all(&name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer
}
