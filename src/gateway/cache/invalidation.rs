//! Requests that change something: what is kept of it is out of date after them (RFC 9111, section 4.4).

use http::header::{CONTENT_LOCATION, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use url::Url;

use super::key::CacheKey;
use super::stage::CacheStage;
use crate::gateway::{Answer, Refusal};

impl CacheStage {
    /// Forgets what is kept of `key`, and of what the answer to a request for `target` names, unless that failed. A request of which nobody
    /// knows how it ended may have changed something.
    pub(super) fn invalidate_after(
        &self,
        key: &CacheKey,
        target: &PathAndQuery,
        host: Option<&HeaderValue>,
        answered: &Result<Answer, Refusal>,
    ) {
        let answer = match answered {
            Ok(answer) => answer,
            Err(refusal) if refusal.may_have_run() => return self.invalidate(key),
            Err(_) => return,
        };
        let status = answer.status();
        if !status.is_success() && !status.is_redirection() {
            return;
        }
        self.invalidate(key);
        for name in [LOCATION, CONTENT_LOCATION] {
            if let Some(named) = self.named(answer, &name, target) {
                self.invalidate(&self.key_of(&named, host));
            }
        }
    }

    fn invalidate(&self, key: &CacheKey) {
        let cache = &self.cache;
        // First, so that what is under way is not kept.
        cache.epochs.advance(key);
        cache.memory.remove(key);
        if let Some(shared) = &cache.shared {
            shared.remove(key);
        }
    }

    /// What the header names on the upstream itself: others could make anything be forgotten.
    fn named(
        &self,
        answer: &Answer,
        header: &HeaderName,
        target: &PathAndQuery,
    ) -> Option<PathAndQuery> {
        let text = answer.headers().get(header)?.to_str().ok()?;
        let base = Url::parse(&format!("http://{}{target}", self.authority)).ok()?;
        let named = base.join(text).ok()?;
        // An upstream behind TLS names itself with another scheme.
        let is_same = named.host() == base.host() && (named.port() == base.port());
        let path = match named.query() {
            Some(query) => format!("{}?{query}", named.path()),
            None => named.path().to_owned(),
        };
        is_same.then(|| path.parse().ok())?
    }
}
