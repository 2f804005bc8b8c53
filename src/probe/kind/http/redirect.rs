//! Where a redirect leads, and what may be sent there.

use http::header::LOCATION;
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::probe::excerpt::Excerpts;
use crate::probe::failure::{Failure, Reason};

const SHOWN_URL_CHARS: usize = 200;

/// One request of a run.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: Method,
    /// Whether the configured body is sent.
    pub(super) with_body: bool,
    /// Whether this goes to the server that the configuration names: no other gets what may be a secret. Once a redirect has
    /// led elsewhere, it stays so.
    pub(super) trusted: bool,
}

impl Hop {
    /// The host, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned()
    }

    /// The port, or that of the scheme.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(0)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The request that an answer with `head` asks for; `None` when it is no redirect.
    ///
    /// # Errors
    ///
    /// [`Reason::Status`] when it is one that cannot be followed.
    pub(super) fn next(&self, head: &Parts) -> Result<Option<Hop>, Failure> {
        if !redirects(head.status) {
            return Ok(None);
        }
        let url = self.target(head)?;
        let trusted = self.trusted && same_server(&self.url, &url);
        let (method, with_body) = self.asked_there(head.status);
        if with_body && !trusted {
            return Err(refused(format!(
                "a redirect ({}) leads to {}, where the body is not sent: it is another server",
                head.status.as_u16(),
                shown(&url)
            )));
        }
        Ok(Some(Hop {
            url,
            method,
            with_body,
            trusted,
        }))
    }

    fn target(&self, head: &Parts) -> Result<Url, Failure> {
        let status = head.status.as_u16();
        let Some(location) = location(&head.headers) else {
            return Err(refused(format!(
                "the status is {status}, a redirect, but there is no location header that can be read"
            )));
        };
        let mut url = self
            .url
            .join(location)
            .map_err(|error| refused(format!("a redirect ({status}) leads to no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            let scheme = Excerpts::default().of(url.scheme(), 20);
            return Err(refused(format!(
                "a redirect ({status}) leads to {scheme}:, which is not followed"
            )));
        }
        // Who may log in is decided by the configuration alone. Both fail only where there is no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        Ok(url)
    }

    /// The method after a redirect, and whether the body is sent again (Fetch standard, "HTTP-redirect fetch", step 12).
    fn asked_there(&self, status: StatusCode) -> (Method, bool) {
        let post = self.method == Method::POST;
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        match status {
            StatusCode::SEE_OTHER if !reads => (Method::GET, false),
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if post => (Method::GET, false),
            _ => (self.method.clone(), self.with_body),
        }
    }
}

/// Where an answer points to, as text, when it is a redirect.
pub(super) fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get(LOCATION)?.to_str().ok()
}

/// A URL without user, password, query and fragment, cut.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Excerpts::default().of(url.as_str(), SHOWN_URL_CHARS)
}

/// A redirect that is not followed.
pub(super) fn refused(message: String) -> Failure {
    Failure::new(Reason::Status, message)
}

/// Whether an answer with this status asks for another request (RFC 9110, section 15.4). 300 leaves the choice to a person, and
/// 304 is no redirect.
pub(super) fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The same scheme, host and port, or the same host's https after its http, both on their usual ports.
fn same_server(here: &Url, there: &Url) -> bool {
    let same_host = here.host_str() == there.host_str();
    let schemes = (here.scheme(), there.scheme());
    let upgrade = schemes == ("http", "https") && here.port().is_none() && there.port().is_none();
    let same_port = here.port_or_known_default() == there.port_or_known_default();
    same_host && (upgrade || (schemes.0 == schemes.1 && same_port))
}
