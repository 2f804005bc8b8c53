//! Asks the upstream, and keeps what may be kept of its answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, StatusCode};
use http_body::Body;
use tokio::time::Instant;

use super::Cache;
use super::entry::{Entry, not_modified};
use super::fill::{Keep, fill};
use super::flights::{Landing, Lead};
use super::key::{CacheKey, vary_names};
use super::look::Found;
use super::precondition::{make_confirming, make_unconditional};
use super::rules::{Came, Terms, has_validator, kept_headers, terms};
use super::stage::{Asked, CacheStage};
use super::status::CacheStatus;
use crate::gateway::{Answer, AnswerBody, Onward, Refusal, RequestBody};

/// How long requests do not wait for each other after an answer that is not kept.
const PASS_FOR: Duration = Duration::from_secs(10);

/// What the upstream is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// As the caller asked.
    AsItCame,
    /// For the body in any case.
    Whole,
    /// Whether what is kept is still right.
    Confirm,
}

/// An answer of the upstream, and when it came.
struct Brought {
    answer: Answer,
    at: SystemTime,
    took: Duration,
}

impl CacheStage {
    /// Asks the upstream. `lead` is told what becomes of the answer.
    pub(super) async fn ask(
        &self,
        asked: Asked,
        found: Found,
        lead: Option<Lead>,
        onward: &impl Onward,
    ) -> Result<Answer, Refusal> {
        let mut question = self.question(&asked, &found);
        loop {
            let brought = match self.bring(&asked, &found, question, onward).await {
                Ok(brought) => brought,
                Err(refusal) if is_failure(&refusal) => {
                    fail(lead);
                    return self.answer_failure(&asked, &found, None).ok_or(refusal);
                }
                Err(refusal) => return Err(refusal),
            };
            let status = brought.answer.status();
            if is_broken(status)
                && let Some(answer) = self.answer_failure(&asked, &found, Some(status.as_u16()))
            {
                fail(lead);
                return Ok(answer);
            }
            let is_confirmation =
                question == Question::Confirm && status == StatusCode::NOT_MODIFIED;
            match &found.entry {
                Some(entry) if is_confirmation => {
                    if entry.is_meant_by(brought.answer.headers()) {
                        return Ok(self.confirmed(&asked, &found, entry, &brought, lead));
                    }
                    // It confirms something else: what is kept is of no use.
                    question = Question::Whole;
                }
                _ => return Ok(self.brought(&asked, &found, brought, lead).await),
            }
        }
    }

    fn question(&self, asked: &Asked, found: &Found) -> Question {
        let confirmable = found.entry.as_ref().is_some_and(|entry| {
            has_validator(&entry.headers) && (!asked.has_credentials || entry.terms.is_public)
        });
        match () {
            () if asked.is_head || found.may_pass => Question::AsItCame,
            () if confirmable => Question::Confirm,
            () => Question::Whole,
        }
    }

    async fn bring(
        &self,
        asked: &Asked,
        found: &Found,
        question: Question,
        onward: &impl Onward,
    ) -> Result<Brought, Refusal> {
        let mut parts = asked.parts.clone();
        match (question, &found.entry) {
            (Question::AsItCame, _) => {}
            (Question::Confirm, Some(entry)) => make_confirming(&mut parts.headers, entry),
            (Question::Confirm | Question::Whole, _) => make_unconditional(&mut parts.headers),
        }
        let began = Instant::now();
        let request = Request::from_parts(parts, RequestBody::whole(Bytes::new()));
        let answer = onward.onward(request).await?;
        Ok(Brought {
            answer,
            at: self.cache.now(),
            took: began.elapsed(),
        })
    }

    /// The upstream says that what is kept is still right.
    fn confirmed(
        &self,
        asked: &Asked,
        found: &Found,
        entry: &Arc<Entry>,
        brought: &Brought,
        lead: Option<Lead>,
    ) -> Answer {
        let confirming = brought.answer.headers();
        let headers = entry.confirmed_headers(confirming, brought.at);
        let mut aged = headers.clone();
        if let Some(age) = confirming.get(http::header::AGE) {
            aged.insert(http::header::AGE, age.clone());
        }
        let kept = self.terms(asked, entry.status, &aged, brought);
        let confirmed = Entry {
            headers,
            at: brought.at,
            terms: kept.unwrap_or(entry.terms),
            ..Entry::clone(entry)
        };
        let status = CacheStatus {
            forward: Some(found.forward(asked, brought.at)),
            forward_status: Some(StatusCode::NOT_MODIFIED.as_u16()),
            ttl: kept.is_some().then(|| confirmed.ttl(brought.at)),
            is_stored: kept.is_some(),
            ..CacheStatus::default()
        };
        let answer = self.given(asked, &confirmed, &status, brought.at);
        match kept {
            Some(_) => self.keeper(asked, found, confirmed, lead).put(),
            None => self.forget(&found.key, lead),
        }
        answer
    }

    fn terms(
        &self,
        asked: &Asked,
        status: StatusCode,
        headers: &HeaderMap,
        brought: &Brought,
    ) -> Option<Terms> {
        let came = Came {
            has_credentials: asked.has_credentials,
            status,
            headers,
            at: brought.at,
            took: brought.took,
        };
        terms(&came, &self.settings)
    }

    /// The upstream's answer goes to the caller, and into the cache where it may.
    async fn brought(
        &self,
        asked: &Asked,
        found: &Found,
        brought: Brought,
        lead: Option<Lead>,
    ) -> Answer {
        let mut status = CacheStatus::forwarded(found.forward(asked, brought.at));
        let (answer_status, headers) = (brought.answer.status(), brought.answer.headers());
        let kept = match asked.is_head {
            true => None,
            false => self.terms(asked, answer_status, headers, &brought),
        };
        let limit = self.settings.max_entry.as_usize();
        let Some(kept) = kept.filter(|_| fits(&brought.answer, limit)) else {
            self.not_kept(asked, found, answer_status, lead);
            let mut answer = brought.answer;
            status.tell(answer.headers_mut());
            return answer;
        };
        let entry = Entry {
            key: asked.key.clone(),
            status: answer_status,
            headers: kept_headers(headers, brought.at),
            body: Bytes::new(),
            at: brought.at,
            terms: kept,
        };
        let says_length = headers.contains_key(CONTENT_LENGTH)
            || brought.answer.body().size_hint().exact().is_some();
        status.ttl = Some(entry.ttl(brought.at));
        let is_had = asked.had.is(answer_status, headers);
        let keeper = self.keeper(asked, found, entry, lead);
        let (parts, body) = brought.answer.into_parts();
        let body = fill(body, limit, self.patience, keeper).await;
        // One that is still coming and does not say how long it is may turn out too large.
        status.is_stored = says_length || matches!(body, AnswerBody::Whole(_));
        let mut answer = match is_had {
            true => not_modified(&parts.headers),
            false => Answer::from_parts(parts, body),
        };
        status.tell(answer.headers_mut());
        answer
    }

    /// The answer is for its caller alone. So are the next ones, as a rule; a failure says nothing of them, nor does what one caller alone asked
    /// for.
    fn not_kept(&self, asked: &Asked, found: &Found, status: StatusCode, lead: Option<Lead>) {
        let is_telling = !status.is_server_error()
            && status != StatusCode::TOO_MANY_REQUESTS
            && status != StatusCode::NOT_MODIFIED;
        let is_for_one = asked.is_head || asked.has_credentials || asked.wishes.no_cache;
        if is_telling && !is_for_one {
            if found.entry.is_some() {
                self.forget(&found.key, None);
            }
            self.cache
                .memory
                .pass(&found.key, Instant::now() + PASS_FOR);
        }
        if let Some(lead) = lead {
            lead.land(Landing::NotKept);
        }
    }

    fn forget(&self, key: &CacheKey, lead: Option<Lead>) {
        self.cache.memory.remove(key);
        if let Some(shared) = &self.cache.shared {
            shared.remove(key);
        }
        if let Some(lead) = lead {
            lead.land(Landing::NotKept);
        }
    }

    fn keeper(&self, asked: &Asked, found: &Found, entry: Entry, lead: Option<Lead>) -> Keeper {
        Keeper {
            cache: Arc::clone(&self.cache),
            epoch: asked.epoch,
            looked_up: found.key.clone(),
            asked_with: asked.parts.headers.clone(),
            entry,
            vary_ttl: self.settings.max_ttl + self.settings.stale_if_error,
            lead,
        }
    }
}

/// Those who wait are told that the upstream failed, and look for themselves.
fn fail(lead: Option<Lead>) {
    if let Some(lead) = lead {
        lead.land(Landing::Failed);
    }
}

/// Whether the upstream could not do its work, so that what is kept may be given in place of this (RFC 5861, section 4).
fn is_broken(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether the upstream could not be asked, or did not answer.
fn is_failure(refusal: &Refusal) -> bool {
    let is_ending = matches!(refusal, Refusal::ShuttingDown { .. });
    let status = refusal.status();
    !is_ending && (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS)
}

/// Whether the body can be as small as `limit`.
fn fits(answer: &Answer, limit: usize) -> bool {
    let limit = limit as u64;
    let length = answer.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length <= limit) && answer.body().size_hint().lower() <= limit
}

/// Puts an answer where it is kept once its body is there.
struct Keeper {
    cache: Arc<Cache>,
    /// The state of the key when the answer was asked for.
    epoch: u64,
    /// Where others look for it.
    looked_up: CacheKey,
    /// The headers of the request.
    asked_with: HeaderMap,
    /// The answer, under the key that all its variants share.
    entry: Entry,
    vary_ttl: Duration,
    lead: Option<Lead>,
}

impl Keeper {
    fn put(mut self) {
        let lead = self.lead.take();
        let is_kept = self.put_if_current();
        if let Some(lead) = lead {
            lead.land(if is_kept {
                Landing::Kept
            } else {
                Landing::NotKept
            });
        }
    }

    /// An answer that was asked for before something changed the upstream is not kept.
    fn put_if_current(self) -> bool {
        let (cache, primary) = (&self.cache, self.entry.key.clone());
        let is_current = || cache.epochs.of(&primary) == self.epoch;
        if !is_current() {
            return false;
        }
        // Those that depend on too many headers are not kept in the first place.
        let names = vary_names(&self.entry.headers).unwrap_or_default();
        let place = cache.memory.place(&primary, &names, &self.asked_with);
        let entry = Arc::new(Entry {
            key: place.key,
            ..self.entry
        });
        if let Some(shared) = &cache.shared {
            if let Some(vary) = &place.vary {
                shared.keep_vary(&primary, vary, self.vary_ttl);
            }
            shared.keep(&entry);
        }
        cache.memory.keep(entry);
        // It may have changed in between.
        if !is_current() {
            cache.memory.remove(&primary);
            if let Some(shared) = &cache.shared {
                shared.remove(&primary);
            }
            return false;
        }
        true
    }
}

impl Keep for Keeper {
    fn keep(mut self, body: Bytes) {
        self.entry.body = body;
        self.put();
    }

    fn let_go(self) {
        if let Some(lead) = self.lead {
            self.cache
                .memory
                .pass(&self.looked_up, Instant::now() + PASS_FOR);
            lead.land(Landing::NotKept);
        }
    }

    fn fail(self) {
        fail(self.lead);
    }
}
