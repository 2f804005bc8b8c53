//! What a limit says of one request, and how callers are told.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Rate;

/// What is left (draft-ietf-httpapi-ratelimit-headers-10, section 4).
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What there is in all (the same, section 3).
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The greatest Integer of a structured field (RFC 9651, section 3.3.1).
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The limit's name, as callers know it: letters only.
    pub name: &'static str,
    /// The limit.
    pub rate: Rate,
    /// How many requests more may come at once.
    pub remaining: u32,
    /// When all of the burst is there again.
    pub reset: Duration,
    /// Refused: when it is worth asking again. `None`: allowed.
    pub retry_after: Option<Duration>,
}

impl Allowance {
    /// Whether the request may pass.
    pub fn is_allowed(&self) -> bool {
        self.retry_after.is_none()
    }

    /// The one that leaves less room; where both leave the same, the one that lasts longer.
    pub fn tighter(self, other: Allowance) -> Allowance {
        let tightness = |allowance: &Allowance| {
            let share = f64::from(allowance.remaining) / f64::from(allowance.rate.burst.max(1));
            (allowance.is_allowed(), share)
        };
        match tightness(&self).partial_cmp(&tightness(&other)) {
            Some(std::cmp::Ordering::Less) => self,
            Some(std::cmp::Ordering::Greater) => other,
            _ if self.reset >= other.reset => self,
            _ => other,
        }
    }

    /// `RateLimit` and `RateLimit-Policy`, for an answer.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let policy = Policy::of(&[(self.name, self.rate)]);
        [(RATELIMIT, self.left()), (RATELIMIT_POLICY, policy.0)]
    }

    /// What is left, as a service limit item.
    fn left(&self) -> HeaderValue {
        let (mut remaining, mut seconds) = (itoa::Buffer::new(), itoa::Buffer::new());
        let remaining = remaining.format(self.remaining);
        let seconds = seconds.format(whole_seconds(self.reset).min(MAX_INTEGER));
        value(["\"", self.name, "\";r=", remaining, ";t=", seconds].concat())
    }
}

/// What there is in all: limits as every answer names them.
#[derive(Clone, Debug)]
pub struct Policy(HeaderValue);

impl Policy {
    /// The policy of `limits`, each with its name.
    pub fn of(limits: &[(&'static str, Rate)]) -> Policy {
        let item = |(name, rate): &(&str, Rate)| {
            let (requests, seconds) = rate.in_seconds();
            format!("\"{name}\";q={requests};w={seconds}")
        };
        let items: Vec<String> = limits.iter().map(item).collect();
        Policy(value(items.join(", ")))
    }

    /// Writes `RateLimit` of the `tightest` of the limits and `RateLimit-Policy` of all into `headers`, in place of what an upstream may have
    /// said there of limits that the caller does not deal with.
    pub fn write(&self, tightest: &Allowance, headers: &mut HeaderMap) {
        headers.insert(RATELIMIT, tightest.left());
        headers.insert(RATELIMIT_POLICY, self.0.clone());
    }
}

/// A List of such items (RFC 9651, section 4.1.1).
fn value(list: String) -> HeaderValue {
    // Digits and names of letters make a value always.
    HeaderValue::from_maybe_shared(Bytes::from(list)).unwrap_or(HeaderValue::from_static(""))
}

impl Rate {
    /// The rate with a whole number of seconds, as the field wants it: 10 in 100 ms is 100 in 1 s.
    fn in_seconds(&self) -> (u64, u64) {
        let seconds = whole_seconds(self.per).max(1);
        let per_nanosecond = f64::from(self.requests) / self.per.as_nanos().max(1) as f64;
        let requests = per_nanosecond * (seconds as f64 * 1e9);
        (
            (requests.round() as u64).min(MAX_INTEGER),
            seconds.min(MAX_INTEGER),
        )
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0))
}
