//! What of a request the endpoints look at.

use std::convert::Infallible;

use http::header::ACCEPT;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method};
use url::form_urlencoded;
use warp::Filter;
use warp::path::FullPath;

use crate::series::exposition::preferred;

/// The longest query that is looked at.
pub(super) const MAX_QUERY_BYTES: usize = 16 << 10;

/// What of a request an endpoint looks at.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: FullPath,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    /// Whom the caller asks, by `Host` or `:authority`.
    pub(super) host: Option<Authority>,
}

impl Request {
    /// The header's value, where it is there and text.
    pub(super) fn header(&self, name: HeaderName) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }

    /// The values of `name` in the query, split at commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (_, value) in self.pairs().filter(|(key, _)| key == name) {
            let parts = value.split(',').filter(|part| !part.is_empty());
            names.extend(parts.map(str::to_owned));
        }
        names
    }

    /// Whether `name` is switched on in the query.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs()
            .any(|(key, value)| key == name && matches!(&*value, "" | "1" | "true"))
    }

    /// Which of the media types `offered` is answered: the first, unless `Accept` prefers another.
    pub(super) fn media_type<'a, const N: usize>(&self, offered: &[&'a str; N]) -> Option<&'a str> {
        let lines = self.headers.get_all(ACCEPT).iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        preferred(&lines.join(","), offered)
    }

    fn pairs(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.query.as_bytes())
    }
}

/// Reads every request.
pub(super) fn request() -> impl Filter<Extract = (Request,), Error = Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let host = warp::host::optional().or(warp::any().map(|| None)).unify();
    warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(host)
        .map(|method, path, query, headers, host| Request {
            method,
            path,
            query,
            headers,
            host,
        })
}
