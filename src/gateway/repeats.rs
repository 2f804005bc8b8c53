//! Which requests are sent again, and after what.

use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::statuses::Statuses;
use super::upstream::CallFailureKind;
use crate::config::RouteRetry;
use crate::resilience::idempotency::{IDEMPOTENCY_KEY, X_IDEMPOTENCY_KEY};
use crate::resilience::{Repeatable, is_idempotent};

/// The headers that carry an idempotency key.
const KEYS: [HeaderName; 2] = [IDEMPOTENCY_KEY, X_IDEMPOTENCY_KEY];

/// What a route sends again.
#[derive(Debug)]
pub(super) struct Repeats {
    statuses: Statuses,
    with_key: bool,
    /// The greatest body that is held to be sent again.
    pub(super) max_body_bytes: usize,
}

impl Repeats {
    /// What `settings` say.
    ///
    /// # Errors
    /// A status that is none.
    pub(super) fn of(settings: &RouteRetry) -> Result<Repeats, String> {
        Ok(Repeats {
            statuses: Statuses::read("retry.status", &settings.status)?,
            with_key: settings.keyed,
            max_body_bytes: settings.max_body.as_usize(),
        })
    }

    /// Whether a request with `headers` has a key that makes it run once, as far as this route believes it.
    pub(super) fn is_keyed(&self, headers: &HeaderMap) -> bool {
        self.with_key && KEYS.iter().any(|name| headers.contains_key(name))
    }

    /// Whether a request may be sent again once it has perhaps arrived, or has not.
    pub(super) fn may_run_again(
        &self,
        method: &Method,
        is_keyed: bool,
        may_have_arrived: bool,
    ) -> bool {
        let request = Repeatable {
            is_idempotent: is_idempotent(method),
            is_keyed,
            may_have_arrived,
            // Whether it has is only known once the attempt has let go of it.
            has_body: true,
        };
        request.judge().is_ok()
    }

    /// Whether an answer with `status` is worth another attempt.
    pub(super) fn after_answer(&self, status: StatusCode) -> bool {
        self.statuses.contain(status)
    }

    /// The kind of failure in a word, where another attempt may end otherwise.
    pub(super) fn after_failure(kind: CallFailureKind) -> Option<&'static str> {
        use CallFailureKind as K;
        match kind {
            K::Resolve | K::Connect | K::Tls | K::Timeout(_) | K::Closed | K::Protocol => {
                Some(kind.name())
            }
            // The caller's fault, or the same every time.
            K::CallerStalled | K::CallerBody => None,
            K::Forbidden | K::Certificate | K::HeadTooLarge => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Scenario: requests of each kind, sent and not sent, on a route that believes keys and on one that does not.
    /// Guarantees: what may do something twice is sent again only with a key that is believed, or if nothing arrived.
    #[test]
    fn nothing_is_done_twice() {
        let mut keyed = HeaderMap::new();
        keyed.insert(&KEYS[1], HeaderValue::from_static("k"));
        let unkeyed = HeaderMap::new();
        for believes in [true, false] {
            let repeats = Repeats::of(&RouteRetry {
                keyed: believes,
                ..RouteRetry::default()
            })
            .unwrap();
            let may = |method: &Method, headers: &HeaderMap, arrived: bool| {
                repeats.may_run_again(method, repeats.is_keyed(headers), arrived)
            };
            assert!(may(&Method::GET, &unkeyed, true) && may(&Method::DELETE, &unkeyed, true));
            assert!(!may(&Method::POST, &unkeyed, true));
            assert!(may(&Method::POST, &unkeyed, false));
            assert_eq!(may(&Method::POST, &keyed, true), believes);
        }
    }
}
