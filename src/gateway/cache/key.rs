//! What an answer is kept under.

use std::sync::Arc;

use http::header::{HOST, VARY};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

/// Answers that depend on more headers than this are not kept.
const MAX_VARY_NAMES: usize = 16;

/// Stands between the parts of a key. No part can hold it.
const BETWEEN: u8 = 0;

/// Stands between the lines of one header.
const BETWEEN_LINES: u8 = 1;

/// SHA-256 of a key.
pub(super) type KeyDigest = [u8; 32];

/// The name of an answer: its route, where that leads, whom it asks, and for what; behind them the headers of the request that the
/// answer depends on. Keys are compared whole: no two requests share one by a clash of hashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey(Arc<[u8]>);

impl CacheKey {
    /// The key of `target` on the upstream of `scope`, for requests to the host in `headers` where that matters.
    pub(super) fn new(scope: &Scope, headers: &HeaderMap, target: &PathAndQuery) -> CacheKey {
        let mut text = scope.prefix.to_vec();
        if scope.by_host {
            let host = headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
            text.extend(host.to_ascii_lowercase());
        }
        text.push(BETWEEN);
        text.extend_from_slice(target.as_str().as_bytes());
        CacheKey(text.into())
    }

    /// The key of the same for requests with these `headers`, where the answer depends on those that `vary` names.
    pub(super) fn variant(&self, vary: &Vary, headers: &HeaderMap) -> CacheKey {
        let mut text = self.0.to_vec();
        text.push(BETWEEN);
        text.extend_from_slice(&vary.salt.to_le_bytes());
        for name in vary.names.iter() {
            text.push(BETWEEN);
            text.extend_from_slice(name.as_str().as_bytes());
            for value in headers.get_all(name) {
                text.push(BETWEEN_LINES);
                text.extend_from_slice(value.as_bytes().trim_ascii());
            }
        }
        CacheKey(text.into())
    }

    /// Any key.
    #[cfg(test)]
    pub(super) fn from_bytes(bytes: &[u8]) -> CacheKey {
        CacheKey(bytes.into())
    }

    /// The key as it is written down.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What stands for the key outside of this agent: headers that an answer depends on may be secrets.
    pub(super) fn digest(&self) -> KeyDigest {
        Sha256::digest(&self.0).into()
    }
}

/// What all keys of a route begin with.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    prefix: Box<[u8]>,
    by_host: bool,
}

impl Scope {
    /// The scope of `route`, which leads to `upstream`. `sent` are the names and values of the headers that the route adds: agents that share
    /// a cache and ask with other credentials do not share answers. `by_host`: whether the upstream gets to see which host was asked for.
    pub(super) fn new<'a>(
        route: &str,
        upstream: &str,
        sent: impl Iterator<Item = (&'a str, &'a str)>,
        by_host: bool,
    ) -> Scope {
        let mut identity = Vec::new();
        for (name, value) in sent {
            identity.extend_from_slice(name.as_bytes());
            identity.push(BETWEEN);
            identity.extend_from_slice(value.as_bytes());
            identity.push(BETWEEN);
        }
        let mut prefix = Vec::new();
        for part in [route.as_bytes(), upstream.as_bytes()] {
            prefix.extend_from_slice(part);
            prefix.push(BETWEEN);
        }
        prefix.extend_from_slice(&Sha256::digest(&identity));
        prefix.push(BETWEEN);
        Scope {
            prefix: prefix.into(),
            by_host,
        }
    }
}

/// The headers of requests that the answers of one key depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vary {
    /// In ascending order, each once.
    pub(super) names: Arc<[HeaderName]>,
    /// Another one after each change, so that what was kept before is not found again.
    pub(super) salt: u64,
}

impl Vary {
    /// Answers that depend on `names`, from here on.
    pub(super) fn new(names: Vec<HeaderName>) -> Vary {
        Vary {
            names: names.into(),
            salt: fastrand::u64(..),
        }
    }

    /// Those and `others` as well; `None` where they are all there already.
    pub(super) fn with(&self, others: &[HeaderName]) -> Option<Vary> {
        let mut all = self.names.to_vec();
        all.extend_from_slice(others);
        sort(&mut all);
        (all.len() > self.names.len()).then(|| Vary::new(all))
    }
}

/// The headers that an answer with `headers` depends on (RFC 9111, section 4.1); `None` where no other request can be answered with it, or
/// there are too many.
pub(super) fn vary_names(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for line in headers.get_all(VARY) {
        for name in line.to_str().ok()?.split(',').map(str::trim) {
            if name == "*" {
                return None;
            }
            if !name.is_empty() {
                names.push(HeaderName::try_from(name).ok()?);
            }
        }
    }
    sort(&mut names);
    (names.len() <= MAX_VARY_NAMES).then_some(names)
}

fn sort(names: &mut Vec<HeaderName>) {
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{ACCEPT, ACCEPT_ENCODING};

    use super::*;

    fn key(route: &str, upstream: &str, sent: &[(&str, &str)], host: &str, path: &str) -> CacheKey {
        let scope = Scope::new(route, upstream, sent.iter().copied(), !host.is_empty());
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).expect("a host"));
        CacheKey::new(&scope, &headers, &path.parse().expect("a path"))
    }

    /// Scenario: requests that differ in route, upstream, credentials of the route, host, path or query.
    /// Guarantees: each has a key of its own, and the same request the same.
    #[test]
    fn every_part_tells_apart() {
        let keys = [
            key("a", "http://x", &[], "", "/p"),
            key("b", "http://x", &[], "", "/p"),
            key("a", "http://y", &[], "", "/p"),
            key("a", "http://x", &[("authorization", "1")], "", "/p"),
            key("a", "http://x", &[("authorization", "2")], "", "/p"),
            key("a", "http://x", &[], "h", "/p"),
            key("a", "http://x", &[], "i", "/p"),
            key("a", "http://x", &[], "", "/p?q"),
            key("a", "http://x", &[], "", "/p?Q"),
        ];
        for (at, one) in keys.iter().enumerate() {
            for (other_at, other) in keys.iter().enumerate() {
                assert_eq!(one == other, at == other_at, "{one:?} {other:?}");
            }
        }
        assert_eq!(keys[0], key("a", "http://x", &[], "", "/p"));
        assert_eq!(
            key("a", "b", &[], "Host", "/"),
            key("a", "b", &[], "host", "/")
        );
    }

    /// Scenario: headers that an answer depends on: missing, empty, in one line and in two. Guarantees: each is another variant; headers
    /// that do not count make none.
    #[test]
    fn variants_are_told_apart() {
        let base = key("a", "http://x", &[], "", "/p");
        let vary = Vary::new(vec![ACCEPT]);
        let variant = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT, HeaderValue::from_static(line));
            }
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            base.variant(&vary, &headers)
        };
        let all = [
            variant(&[]),
            variant(&[""]),
            variant(&["a"]),
            variant(&["a", "b"]),
            variant(&["a, b"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_ne!(*one, base);
            assert!(!all[at + 1..].contains(one));
        }
        assert_eq!(variant(&[" a"]), all[2]);
        assert_ne!(
            base.variant(&Vary::new(vec![ACCEPT]), &HeaderMap::new()),
            all[0]
        );
    }

    /// Scenario: `Vary` in every form. Guarantees: names in order and each once; an asterisk, what is no name, and too many mean that
    /// nothing is kept.
    #[test]
    fn vary_is_read() {
        let names = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.append(VARY, HeaderValue::from_str(line).expect("text"));
            vary_names(&headers)
        };
        assert_eq!(vary_names(&HeaderMap::new()), Some(Vec::new()));
        assert_eq!(
            names("Accept-Encoding, ,accept,ACCEPT"),
            Some(vec![ACCEPT, ACCEPT_ENCODING])
        );
        assert_eq!(names("accept, *"), None);
        assert_eq!(names("a b"), None);
        let many: Vec<_> = (0..17).map(|number| format!("x-{number}")).collect();
        assert_eq!(names(&many.join(",")), None);
        let vary = Vary::new(vec![ACCEPT]);
        assert_eq!(vary.with(&[ACCEPT]), None);
        let more = vary.with(&[ACCEPT_ENCODING]).expect("another name");
        assert_eq!(*more.names, [ACCEPT, ACCEPT_ENCODING]);
    }
}
