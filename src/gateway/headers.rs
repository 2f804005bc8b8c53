//! Headers on their way through: what belongs to a connection stays there, what the configuration hides is hidden, and the upstream is told
//! who asks (RFC 9110, section 7.6).

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::host::Authority;
use super::peer::Peer;
use crate::config::{Direction, FRAMING_HEADERS, RouteSettings};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What a client could say of itself that only a gateway in front of a service can know. X-Forwarded-* are among them by their beginning.
const TOLD_BY_GATEWAYS: [&str; 2] = ["forwarded", "x-real-ip"];

/// What a route does with the headers of its requests.
#[derive(Debug)]
pub(super) struct RequestHeaders {
    /// Sent in place of the caller's.
    set: Vec<(HeaderName, HeaderValue)>,
    /// What the upstream does not get to see, the names in `set` included.
    dropped: Vec<HeaderName>,
    direction: Direction,
    /// The upstream's own name.
    upstream_host: HeaderValue,
}

/// What a route does with the headers of its answers.
#[derive(Debug)]
pub(super) struct AnswerHeaders {
    dropped: Vec<HeaderName>,
}

impl RequestHeaders {
    /// What `settings` say.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub(super) fn of(settings: &RouteSettings) -> Result<RequestHeaders, String> {
        let mut set = Vec::new();
        for (name, value) in &settings.headers {
            let name = header_name("headers", name)?;
            if FRAMING_HEADERS.contains(&name.as_str()) {
                return Err(format!(
                    "headers.{name}: the gateway sets it itself; remove it"
                ));
            }
            let value = HeaderValue::from_str(value.expose());
            let mut value = value.map_err(|_| {
                format!("headers.{name}: the value holds a character that no header may hold")
            })?;
            value.set_sensitive(true);
            set.push((name, value));
        }
        let mut dropped = header_names("drop_request_headers", &settings.drop_request_headers)?;
        dropped.extend(set.iter().map(|(name, _)| name.clone()));
        let authority = settings.upstream.uri().authority();
        let authority = authority.map_or("", |authority| authority.as_str());
        Ok(RequestHeaders {
            set,
            dropped,
            direction: settings.direction,
            upstream_host: HeaderValue::from_str(authority)
                .map_err(|_| "upstream: its host cannot be sent as a header".to_owned())?,
        })
    }

    /// The Host that the upstream sees of a request to `authority`.
    pub(super) fn host(&self, authority: Option<&Authority<'_>>) -> HeaderValue {
        let asked = match self.direction {
            Direction::Egress => None,
            Direction::Ingress => authority,
        };
        // What has been read as a host can be sent as one.
        let asked = asked.and_then(|named| HeaderValue::try_from(named.to_string()).ok());
        asked.unwrap_or_else(|| self.upstream_host.clone())
    }

    /// Takes away what does not go further, and names the host and, to one's own service, the caller.
    pub(super) fn receive(&self, headers: &mut HeaderMap, peer: &Peer, host: HeaderValue) {
        let takes_trailers = asks_for_trailers(headers);
        remove_hop_by_hop(headers);
        // Answered by the server here as soon as the body is asked for.
        headers.remove(EXPECT);
        if takes_trailers {
            headers.insert(TE, TRAILERS);
        }
        if self.direction == Direction::Ingress {
            introduce(headers, peer, &host);
        }
        headers.insert(HOST, host);
        for name in &self.dropped {
            headers.remove(name);
        }
    }

    /// Headers of callers that the upstream does not get to see, or not as the callers sent them.
    pub(super) fn dropped(&self) -> &[HeaderName] {
        &self.dropped
    }

    /// Adds what the upstream alone gets to see.
    pub(super) fn send(&self, headers: &mut HeaderMap, version: Version) {
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        headers.append(VIA, via(version));
    }
}

impl AnswerHeaders {
    /// What `settings` say.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub(super) fn of(settings: &RouteSettings) -> Result<AnswerHeaders, String> {
        let dropped = header_names("drop_answer_headers", &settings.drop_answer_headers)?;
        Ok(AnswerHeaders { dropped })
    }

    /// Takes away what the caller does not get to see.
    pub(super) fn receive(&self, headers: &mut HeaderMap) {
        remove_hop_by_hop(headers);
        for name in &self.dropped {
            headers.remove(name);
        }
    }
}

/// Fields for one connection alone (RFC 9110, sections 7.6.1 and 11.7), besides those that Connection names.
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes what is for one connection alone.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Few messages have any: to look at all names once costs less than to ask for each of these.
    if !headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
            .filter(|token| !["keep-alive", "close"].contains(token))
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            .collect();
        headers.remove(CONNECTION);
        for name in named {
            headers.remove(name);
        }
    }
    // A length beside a coding is what smuggled requests are made of (RFC 9112, section 6.3).
    if headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Tells one's own service who asks and for what. What the client said of that itself is not believed.
fn introduce(headers: &mut HeaderMap, peer: &Peer, host: &HeaderValue) {
    remove_told_by_gateways(headers);
    headers.insert(X_FORWARDED_HOST, host.clone());
    headers.insert(X_FORWARDED_FOR, peer.forwarded_for.clone());
    headers.insert(X_FORWARDED_PROTO, peer.scheme_value());
}

/// Removes what clients could pretend. Some servers take an underscore in a name for a hyphen, so that spelling goes as well.
fn remove_told_by_gateways(headers: &mut HeaderMap) {
    let is_told = |name: &HeaderName| {
        let bytes = name.as_str().bytes();
        let hyphened = || {
            bytes
                .clone()
                .map(|byte| if byte == b'_' { b'-' } else { byte })
        };
        let begins = hyphened().take(X_FORWARDED.len()).eq(X_FORWARDED.bytes());
        begins
            || TOLD_BY_GATEWAYS
                .iter()
                .any(|told| hyphened().eq(told.bytes()))
    };
    let told: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_told(name))
        .cloned()
        .collect();
    for name in told {
        headers.remove(name);
    }
}

const X_FORWARDED: &str = "x-forwarded-";

/// Whether TE lists trailers, the one thing of it that concerns others than the next server (RFC 9110, section 10.1.4).
fn asks_for_trailers(headers: &HeaderMap) -> bool {
    headers.contains_key(TE)
        && tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"))
}

/// The members of a list (RFC 9110, section 5.6.1).
pub(super) fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// What the gateway calls itself in Via.
pub(super) const OWN_NAME: &str = "lineside";

/// How the request came here (RFC 9110, section 7.6.3).
fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_10 => "1.0 lineside",
        Version::HTTP_2 => "2 lineside",
        _ => "1.1 lineside",
    })
}

fn header_name(key: &str, name: &str) -> Result<HeaderName, String> {
    let name_read = HeaderName::from_bytes(name.as_bytes());
    name_read.map_err(|_| format!("{key}: {name:?} is not the name of a header"))
}

/// The names that `key` of the configuration lists.
pub(super) fn header_names(key: &str, names: &[String]) -> Result<Vec<HeaderName>, String> {
    names.iter().map(|name| header_name(key, name)).collect()
}
