//! Which answers are kept, and for how long (RFC 9111, section 3 and 4.2).
//!
//! Whether an answer may be stored and how long it counts as fresh is decided by the crate `http-cache-semantics`. It gets to see directives
//! and dates in one plain form, as it takes names of directives literally and knows one form of dates. What it offers beyond that is not used:
//! it loses repeated headers, writes a `Date` of its own, and adds ages that may overflow.

use std::time::{Duration, SystemTime};

use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_RANGE, DATE, ETAG, EXPIRES, HeaderName,
    LAST_MODIFIED, PRAGMA, SET_COOKIE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};

use super::directives::Directives;
use super::key::vary_names;
use crate::config::RouteCache;

/// The longest age that is told apart (RFC 9111, section 1.2.2), and so the longest time.
const MAX_AGE: Duration = Duration::from_secs(1 << 31);

/// The longest that an answer is given after its end, whatever it says.
const MAX_STALE: Duration = Duration::from_secs(30 * 24 * 3600);

/// On what terms an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// How old it was when it came (RFC 9111, section 4.2.3).
    pub(super) initial_age: Duration,
    /// Until which age it counts as fresh.
    pub(super) lifetime: Duration,
    /// How long after that it is given when the upstream fails.
    pub(super) stale_for: Duration,
    /// Whether it may be given when it is not fresh, to a request that takes it.
    pub(super) may_be_stale: bool,
    /// Whether it says that requests with credentials may share it (RFC 9111, section 3.5).
    pub(super) is_public: bool,
}

impl Terms {
    /// Keeps to what `settings` allow, whoever wrote these terms.
    pub(super) fn bounded(self, settings: &RouteCache) -> Terms {
        let initial_age = self.initial_age.min(MAX_AGE);
        Terms {
            initial_age,
            lifetime: self.lifetime.min(initial_age + settings.max_ttl),
            stale_for: match self.may_be_stale {
                true => self.stale_for.min(MAX_STALE),
                false => Duration::ZERO,
            },
            ..self
        }
    }

    /// How long it is of use without a word of the upstream.
    pub(super) fn useful_for(&self) -> Duration {
        self.lifetime.saturating_sub(self.initial_age) + self.stale_for
    }
}

/// An answer to a GET, as it came.
pub(super) struct Came<'a> {
    /// Whether the request shows who asks.
    pub(super) has_credentials: bool,
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// When its head was there.
    pub(super) at: SystemTime,
    /// How long after the request.
    pub(super) took: Duration,
}

/// On what terms the answer is kept; `None` where it is not.
pub(super) fn terms(came: &Came<'_>, settings: &RouteCache) -> Option<Terms> {
    let headers = came.headers;
    let directives = Directives::of(headers);
    if directives.is_broken()
        || headers.contains_key(SET_COOKIE)
        || headers.contains_key(CONTENT_RANGE)
        || vary_names(headers).is_none()
    {
        return None;
    }
    let policy = policy(came, &directives);
    if !policy.is_storable() {
        return None;
    }
    let is_bound = directives.has("must-revalidate")
        || directives.has("proxy-revalidate")
        || directives.has("s-maxage")
        || directives.has("no-cache");
    let initial_age = (age(headers) + came.took).min(MAX_AGE);
    let stale_for = directives.time("stale-if-error");
    let terms = Terms {
        initial_age,
        lifetime: lifetime(came, &directives, &policy, settings, initial_age)?,
        stale_for: stale_for.unwrap_or(settings.stale_if_error),
        may_be_stale: !is_bound,
        is_public: directives.has("public")
            || directives.has("s-maxage")
            || directives.has("must-revalidate"),
    }
    .bounded(settings);
    let is_of_use = !terms.useful_for().is_zero() || has_validator(headers);
    is_of_use.then_some(terms)
}

/// What it says itself, else what the route says of such answers; zero where each use asks the upstream.
fn lifetime(
    came: &Came<'_>,
    directives: &Directives,
    policy: &CachePolicy,
    settings: &RouteCache,
    initial_age: Duration,
) -> Option<Duration> {
    let says_so = directives.has("max-age")
        || directives.has("s-maxage")
        || came.headers.contains_key(EXPIRES);
    if says_so {
        return Some(policy.time_to_live(came.at).min(MAX_AGE));
    }
    if directives.has("no-cache") {
        return Some(Duration::ZERO);
    }
    let ttl = settings
        .default_ttl
        .filter(|_| speaks_for_all(came.status))?;
    Some(initial_age + ttl)
}

/// Whether other requests for the same would get it as well, as far as a status can tell. A caller can bring about the other statuses that may be
/// kept without a word (RFC 9110, section 15.1) with headers that nobody else sends.
fn speaks_for_all(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 405 | 414 | 501)
}

/// The policy for an answer that is no older than it looks.
fn policy(came: &Came<'_>, directives: &Directives) -> CachePolicy {
    let mut request = Request::new(());
    if came.has_credentials {
        let credentials = HeaderValue::from_static("credentials");
        request.headers_mut().insert(AUTHORIZATION, credentials);
    }
    let mut response = Response::new(());
    *response.status_mut() = came.status;
    let headers = response.headers_mut();
    // A cache that is shared with nobody who must not see it is all that `proxy-revalidate` asks for (RFC 9111, section 5.2.2.8).
    let plain = directives.plain(&["proxy-revalidate"]);
    if let Ok(line) = HeaderValue::try_from(plain)
        && !line.is_empty()
    {
        headers.insert(CACHE_CONTROL, line);
    }
    for name in [DATE, EXPIRES] {
        if let Some(value) = came.headers.get(&name) {
            headers.insert(name, plain_date(value));
        }
    }
    if let Some(pragma) = came.headers.get(PRAGMA) {
        headers.insert(PRAGMA, pragma.clone());
    }
    let options = CacheOptions {
        shared: true,
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    CachePolicy::new_options(&request, &response, came.at, options)
}

/// A date in the preferred one of its three forms (RFC 9110, section 5.6.7); anything else as it is: it is in the past.
fn plain_date(value: &HeaderValue) -> HeaderValue {
    let date = value
        .to_str()
        .ok()
        .and_then(|text| httpdate::parse_http_date(text).ok());
    date.and_then(|date| HeaderValue::try_from(httpdate::fmt_http_date(date)).ok())
        .unwrap_or_else(|| value.clone())
}

/// What the header `Age` says (RFC 9111, section 5.1); nothing where it is no number.
fn age(headers: &HeaderMap) -> Duration {
    let text = headers.get(AGE).and_then(|age| age.to_str().ok());
    let text = text.map(|text| text.split(',').next().unwrap_or_default().trim());
    let digits =
        text.filter(|text| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit()));
    // What has too many digits is the largest age.
    digits.map_or(Duration::ZERO, |digits| {
        digits
            .parse()
            .map_or(MAX_AGE, Duration::from_secs)
            .min(MAX_AGE)
    })
}

/// Whether the upstream can be asked if it is still the same.
pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// Headers that concern one connection (RFC 9110, section 7.6.1; RFC 9111, section 3.1), and the age, which is counted anew.
const NOT_KEPT: [HeaderName; 11] = [
    AGE,
    http::header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    http::header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    http::header::PROXY_AUTHORIZATION,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
];

/// The headers that are kept, with a `Date` (RFC 9110, section 6.6.1). Their bytes are copied: those of a connection hang on its whole buffer.
pub(super) fn kept_headers(headers: &HeaderMap, now: SystemTime) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut kept = HeaderMap::with_capacity(headers.keys_len() + 1);
    for (name, value) in headers {
        if NOT_KEPT.contains(name) || named.contains(name) {
            continue;
        }
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            kept.append(name.clone(), copy);
        }
    }
    if !kept.contains_key(DATE)
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now))
    {
        kept.insert(DATE, date);
    }
    kept
}

/// Whether `headers` hold what no kept answer has.
pub(super) fn has_unkept(headers: &HeaderMap) -> bool {
    headers.contains_key(SET_COOKIE) || NOT_KEPT.iter().any(|name| headers.contains_key(name))
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(http::header::CONNECTION).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).map(str::trim);
    names
        .filter_map(|name| HeaderName::try_from(name).ok())
        .collect()
}
