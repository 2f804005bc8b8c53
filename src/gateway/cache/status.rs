//! `Cache-Status` (RFC 9211): what the cache did with a request.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The name of the header.
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went to the upstream (RFC 9211, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// Such requests are not answered from the cache.
    Bypass,
    /// The method is none whose answers are kept.
    Method,
    /// Nothing is kept of it.
    UriMiss,
    /// What is kept of it is for other headers.
    VaryMiss,
    /// The request wants to have it confirmed.
    Request,
    /// What is kept is not fresh any more.
    Stale,
}

impl Forward {
    const fn token(self) -> &'static str {
        match self {
            Forward::Bypass => "bypass",
            Forward::Method => "method",
            Forward::UriMiss => "uri-miss",
            Forward::VaryMiss => "vary-miss",
            Forward::Request => "request",
            Forward::Stale => "stale",
        }
    }
}

/// What the cache did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CacheStatus {
    /// Whether what is kept was given without asking the upstream.
    pub(super) is_hit: bool,
    /// Why the upstream was asked.
    pub(super) forward: Option<Forward>,
    /// What the upstream answered, where the caller gets another status.
    pub(super) forward_status: Option<u16>,
    /// Seconds that the answer is fresh still.
    pub(super) ttl: Option<i64>,
    /// Whether the answer is kept.
    pub(super) is_stored: bool,
    /// Whether another request brought the answer.
    pub(super) is_collapsed: bool,
    /// Which layer had it.
    pub(super) layer: Option<&'static str>,
}

impl CacheStatus {
    /// The upstream was asked, because of `forward`.
    pub(super) fn forwarded(forward: Forward) -> CacheStatus {
        CacheStatus {
            forward: Some(forward),
            ..CacheStatus::default()
        }
    }

    /// Says so behind what caches nearer to the origin have said.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.text()) {
            headers.append(CACHE_STATUS, value);
        }
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(64);
        text.push_str("lineside");
        if self.is_hit {
            text.push_str("; hit");
        }
        if let Some(forward) = self.forward {
            text.push_str("; fwd=");
            text.push_str(forward.token());
        }
        // Writing to a string does not fail.
        if let Some(status) = self.forward_status {
            let _ = write!(text, "; fwd-status={status}");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        if self.is_stored {
            text.push_str("; stored");
        }
        if self.is_collapsed {
            text.push_str("; collapsed");
        }
        if let Some(layer) = self.layer {
            text.push_str("; detail=");
            text.push_str(layer);
        }
        text
    }
}
