//! What an answer says of limits.
//!
//! | form | who | reset |
//! |---|---|---|
//! | `RateLimit`, `RateLimit-Policy`: Lists | draft-ietf-httpapi-ratelimit-headers-08 to -11 | seconds from now |
//! | `RateLimit: limit=…, remaining=…, reset=…`: a Dictionary | the same, -07 | seconds from now |
//! | `RateLimit-Limit`, `-Remaining`, `-Reset` | the same, up to -06 | seconds from now |
//! | `X-RateLimit-…`, `X-Rate-Limit-…` | GitHub, Twitter and most others | seconds since 1970, or from now |
//! | `X-RateLimit-Reset-After` | Discord | seconds from now |
//! | `x-ratelimit-limit-requests`, `-tokens`, … | OpenAI | `6m0s`, `120ms` |
//!
//! Several limits in one answer are told apart by their names. Whoever writes a limit without saying when there is more of it says nothing that could be
//! kept.

mod families;
mod fields;
mod reset;

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// No reset is believed beyond this.
pub(super) const LONGEST_RESET: Duration = Duration::from_secs(3600);
/// Limits of one answer that are looked at.
pub(super) const MAX_LIMITS: usize = 8;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Requests: each takes one.
    Requests,
    /// Tokens or bytes: how many a request takes shows later.
    Other,
}

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// What tells it from the sender's other limits.
    pub(super) name: String,
    pub(super) unit: Unit,
    /// How much there is in all, where it is known.
    pub(super) limit: Option<u64>,
    pub(super) remaining: u64,
    /// When there is more; at most [`LONGEST_RESET`].
    pub(super) reset: Duration,
}

/// All limits that an answer speaks of, as seen at `now`.
pub(super) fn told(headers: &HeaderMap, now: SystemTime) -> Vec<Told> {
    // Most answers say nothing of limits.
    if !headers
        .keys()
        .any(|name| families::is_of_limits(name.as_str()))
    {
        return Vec::new();
    }
    let mut told = fields::read(headers);
    told.extend(families::read(headers, now));
    told.truncate(MAX_LIMITS);
    told
}
