//! What is kept for a request.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use tokio::time::Instant;

use super::entry::Entry;
use super::key::CacheKey;
use super::memory::Slot;
use super::shared::{Record, Shared, Unanswered};
use super::stage::{Asked, CacheStage};
use super::status::Forward;

/// What was found for a request.
pub(super) struct Found {
    /// Where its answer would be kept, as far as that is known.
    pub(super) key: CacheKey,
    pub(super) entry: Option<Arc<Entry>>,
    /// Whether answers to it are known not to be kept.
    pub(super) may_pass: bool,
    /// Whether answers are known to depend on headers.
    is_variant: bool,
}

impl Found {
    /// Why the upstream is asked.
    pub(super) fn forward(&self, asked: &Asked, now: SystemTime) -> Forward {
        match &self.entry {
            Some(entry) if entry.is_fresh(now) => Forward::Request,
            Some(_) => Forward::Stale,
            None if asked.wishes.no_cache => Forward::Request,
            None if self.may_pass => Forward::Bypass,
            None if self.is_variant => Forward::VaryMiss,
            None => Forward::UriMiss,
        }
    }
}

impl CacheStage {
    /// Looks into the agent's memory. `is_counted`: whether this is the request's first look.
    pub(super) fn look(&self, asked: &Asked, is_counted: bool) -> Found {
        let began = Instant::now();
        let found = self.find(&asked.key, &asked.parts.headers);
        // What is not kept on purpose is no miss.
        if is_counted && !found.may_pass {
            let is_hit = self.is_of_use(asked, found.entry.as_deref());
            self.cache.memory_stats.got(is_hit, began.elapsed());
        }
        found
    }

    fn find(&self, key: &CacheKey, headers: &HeaderMap) -> Found {
        let mut found = Found {
            key: key.clone(),
            entry: None,
            may_pass: false,
            is_variant: false,
        };
        let mut slot = self.cache.memory.get(key);
        if let Some(Slot::Variants(variants)) = &slot {
            found.key = key.variant(&variants.vary, headers);
            found.is_variant = true;
            slot = self.cache.memory.get(&found.key);
        }
        match slot {
            Some(Slot::Entry(entry)) => found.entry = Some(entry),
            Some(Slot::Pass(until)) => found.may_pass = Instant::now() < until,
            // Variants have none.
            Some(Slot::Variants(_)) | None => {}
        }
        found
    }

    fn is_of_use(&self, asked: &Asked, entry: Option<&Entry>) -> bool {
        entry.is_some_and(|entry| {
            entry.answers(&asked.wishes, asked.has_credentials, self.cache.now())
        })
    }

    /// Looks into what agents share, and takes into the agent's memory what is of use. Returns what it was given where there is nothing better.
    pub(super) async fn look_shared(&self, asked: &Asked, found: Found) -> Found {
        let Some(shared) = &self.cache.shared else {
            return found;
        };
        if asked.wishes.no_cache {
            return found;
        }
        let began = Instant::now();
        let Ok((found, entry)) = self.find_shared(shared, asked, found).await else {
            return self.look(asked, false);
        };
        let is_hit = self.is_of_use(asked, entry.as_ref());
        self.cache.shared_stats.got(is_hit, began.elapsed());
        match entry {
            Some(entry) if self.is_newer(&entry, found.entry.as_deref()) => {
                let entry = Arc::new(entry);
                self.adopt(asked, &entry);
                Found {
                    entry: Some(entry),
                    ..found
                }
            }
            _ => found,
        }
    }

    async fn find_shared(
        &self,
        shared: &Shared,
        asked: &Asked,
        mut found: Found,
    ) -> Result<(Found, Option<Entry>), Unanswered> {
        // Once more than a key leads to another.
        for _ in 0..2 {
            let max_body = self.settings.max_entry.as_usize();
            match shared.get(&found.key, max_body, self.max_head).await? {
                Some(Record::Entry(entry)) => {
                    let bounded = Entry {
                        terms: entry.terms.bounded(&self.settings),
                        ..Arc::unwrap_or_clone(entry)
                    };
                    let is_kept_here = bounded.body.len() <= max_body;
                    return Ok((found, is_kept_here.then_some(bounded)));
                }
                Some(Record::Vary(_, vary)) if !found.is_variant => {
                    let vary = self.cache.memory.learn(&asked.key, vary);
                    found.key = asked.key.variant(&vary, &asked.parts.headers);
                    found.is_variant = true;
                }
                _ => break,
            }
        }
        Ok((found, None))
    }

    fn is_newer(&self, entry: &Entry, than: Option<&Entry>) -> bool {
        than.is_none_or(|than| entry.at > than.at)
    }

    /// Takes an answer of another agent into memory, unless what is kept of it became out of date since the request came.
    fn adopt(&self, asked: &Asked, entry: &Arc<Entry>) {
        self.cache.memory.keep(Arc::clone(entry));
        if self.cache.epochs.of(&asked.key) != asked.epoch {
            self.cache.memory.remove(&entry.key);
        }
    }
}
