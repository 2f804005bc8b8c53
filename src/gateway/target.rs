//! What a request asks for, checked before anything else is done for it (RFC 9112, section 3.2; RFC 9113, section 8.3.1).

use std::fmt;

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};

use super::host::{Authority, BadHost};
use super::path::{BadPath, Path};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `OPTIONS *`: the gateway itself.
    Gateway,
    /// Something behind it.
    Behind(Place<'a>),
}

/// Where something is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The host that the request names. Only HTTP/1.0 may name none.
    pub(super) authority: Option<Authority<'a>>,
    /// Whether only routes for that host count, because the request was made to a proxy (absolute-form).
    pub(super) by_host_only: bool,
    /// The path.
    pub(super) path: Path<'a>,
}

/// Why what a request asks for is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTarget {
    /// It names a host and port alone, or `*` with another method than OPTIONS.
    Form,
    /// Another scheme than http and https.
    Scheme,
    /// No host, where one must be named.
    NoHost,
    /// More than one Host.
    ManyHosts,
    /// The Host differs from the one in the target.
    OtherHost,
    /// What is named is no host.
    Host(BadHost),
    /// The path is refused.
    Path(BadPath),
    /// A body in a transfer coding besides chunked.
    Coding,
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadTarget::Form => {
                "the request's target is not a path; ask for a path that begins with a slash"
            }
            BadTarget::Scheme => "the request's target has a scheme that is neither http nor https",
            BadTarget::NoHost => "the request names no host; send one Host header",
            BadTarget::ManyHosts => "the request names more than one host; send one Host header",
            BadTarget::OtherHost => "the Host header and the request's target name different hosts",
            BadTarget::Host(why) => return why.fmt(f),
            BadTarget::Path(why) => return why.fmt(f),
            BadTarget::Coding => "the body has a transfer coding besides chunked; send it without",
        })
    }
}

impl From<BadHost> for BadTarget {
    fn from(why: BadHost) -> BadTarget {
        BadTarget::Host(why)
    }
}

impl From<BadPath> for BadTarget {
    fn from(why: BadPath) -> BadTarget {
        BadTarget::Path(why)
    }
}

impl<'a> Target<'a> {
    /// Reads what the request with `head` asks for.
    pub(super) fn read(head: &'a Parts) -> Result<Target<'a>, BadTarget> {
        check_coding(&head.headers)?;
        let uri = &head.uri;
        if uri.path() == "*" {
            return match head.method {
                Method::OPTIONS => authority(head).map(|_| Target::Gateway),
                _ => Err(BadTarget::Form),
            };
        }
        let authority = authority(head)?;
        let is_origin = uri.scheme().is_none() && uri.authority().is_none();
        if !is_origin && uri.path_and_query().is_none() {
            return Err(BadTarget::Form);
        }
        check_query(uri)?;
        Ok(Target::Behind(Place {
            authority,
            by_host_only: !is_origin && head.version < Version::HTTP_2,
            path: Path::read(uri.path())?,
        }))
    }
}

/// The host that the request names, wherever it does. Where it does twice, both must agree.
fn authority(head: &Parts) -> Result<Option<Authority<'_>>, BadTarget> {
    let in_target = in_target(&head.uri)?;
    let in_header = in_header(&head.headers)?;
    match (in_target, in_header) {
        (Some(target), Some(header)) if target != header => Err(BadTarget::OtherHost),
        (None, None) if head.version != Version::HTTP_10 => Err(BadTarget::NoHost),
        (target, header) => Ok(target.or(header)),
    }
}

fn in_target(uri: &Uri) -> Result<Option<Authority<'_>>, BadTarget> {
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) => Ok(Some(Authority::read(authority.as_str())?)),
        (Some(_), _) => Err(BadTarget::Scheme),
        // The form of CONNECT.
        (None, Some(_)) => Err(BadTarget::Form),
        (None, None) => Ok(None),
    }
}

fn in_header(headers: &HeaderMap) -> Result<Option<Authority<'_>>, BadTarget> {
    let mut named = headers.get_all(HOST).iter();
    let Some(host) = named.next() else {
        return Ok(None);
    };
    if named.next().is_some() {
        return Err(BadTarget::ManyHosts);
    }
    let host = host.to_str().map_err(|_| BadHost::Name)?;
    Ok(Some(Authority::read(host)?))
}

/// A query is data, but it must be one (RFC 3986, section 3.4): what is no ASCII is not.
fn check_query(uri: &Uri) -> Result<(), BadPath> {
    match uri.query() {
        Some(query) if !query.is_ascii() => Err(BadPath::Character),
        _ => Ok(()),
    }
}

/// Bodies are framed anew towards the upstream, so a coding that is not undone here would be lost (RFC 9112, section 6.1).
fn check_coding(headers: &HeaderMap) -> Result<(), BadTarget> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked =
        |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if is_chunked(only) => Ok(()),
        _ => Err(BadTarget::Coding),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, target: &str, version: Version, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// Scenario: requests in every form and version that ask for one thing.
    /// Guarantees: host and path are what they say, and only a proxy's form is routed by its host alone.
    #[test]
    fn what_is_asked_for_is_read() {
        use Version as V;
        let named = &[("host", "A.example:80")][..];
        let cases = [
            ("/x?y", V::HTTP_11, named, Some("a.example:80"), false, "/x"),
            ("/x", V::HTTP_10, &[], None, false, "/x"),
            ("/x", V::HTTP_10, named, Some("a.example:80"), false, "/x"),
            (
                "//b/x",
                V::HTTP_11,
                named,
                Some("a.example:80"),
                false,
                "//b/x",
            ),
            ("http://b/x", V::HTTP_11, &[], Some("b"), true, "/x"),
            (
                "http://b",
                V::HTTP_11,
                &[("host", "b")],
                Some("b"),
                true,
                "/",
            ),
            (
                "http://b?q",
                V::HTTP_11,
                &[("host", "b")],
                Some("b"),
                true,
                "/",
            ),
            (
                "https://b./x",
                V::HTTP_2,
                &[("host", "B")],
                Some("b"),
                false,
                "/x",
            ),
            ("/x", V::HTTP_2, &[("host", "b")], Some("b"), false, "/x"),
        ];
        for (target, version, headers, host, by_host_only, path) in cases {
            let head = head("GET", target, version, headers);
            let Ok(Target::Behind(place)) = Target::read(&head) else {
                panic!("{target}");
            };
            let named = place.authority.map(|named| named.to_string());
            assert_eq!(named.as_deref(), host, "{target}");
            assert_eq!((place.by_host_only, place.path.raw()), (by_host_only, path));
        }
    }

    /// Scenario: requests that ask for nothing, or for two things.
    /// Guarantees: refused, with the reason.
    #[test]
    fn what_is_not_clear_is_refused() {
        use Version as V;
        let host = ("host", "a");
        let name = BadTarget::Host(BadHost::Name);
        let userinfo = BadTarget::Host(BadHost::Userinfo);
        let cases = [
            ("GET", "/", V::HTTP_11, vec![], BadTarget::NoHost),
            ("GET", "/", V::HTTP_2, vec![], BadTarget::NoHost),
            (
                "GET",
                "/",
                V::HTTP_11,
                vec![host, host],
                BadTarget::ManyHosts,
            ),
            (
                "GET",
                "/",
                V::HTTP_10,
                vec![host, host],
                BadTarget::ManyHosts,
            ),
            ("GET", "/", V::HTTP_11, vec![("host", "")], name),
            ("GET", "/", V::HTTP_11, vec![("host", "a b")], name),
            ("GET", "/", V::HTTP_11, vec![("host", "a, b")], name),
            ("GET", "/", V::HTTP_11, vec![("host", "me@a")], userinfo),
            ("GET", "http://me@a/", V::HTTP_11, vec![], userinfo),
            (
                "GET",
                "http://b/",
                V::HTTP_11,
                vec![host],
                BadTarget::OtherHost,
            ),
            (
                "GET",
                "http://a:1/",
                V::HTTP_2,
                vec![host],
                BadTarget::OtherHost,
            ),
            ("GET", "ftp://a/", V::HTTP_11, vec![host], BadTarget::Scheme),
            ("GET", "a:80", V::HTTP_11, vec![host], BadTarget::Form),
            ("CONNECT", "a:80", V::HTTP_11, vec![host], BadTarget::Form),
            ("GET", "*", V::HTTP_11, vec![host], BadTarget::Form),
            ("OPTIONS", "*", V::HTTP_11, vec![], BadTarget::NoHost),
            (
                "GET",
                "/..",
                V::HTTP_11,
                vec![host],
                BadPath::DotSegment.into(),
            ),
            (
                "GET",
                "/?ä",
                V::HTTP_11,
                vec![host],
                BadPath::Character.into(),
            ),
        ];
        for (method, target, version, headers, why) in cases {
            let head = head(method, target, version, &headers);
            assert_eq!(Target::read(&head), Err(why), "{method} {target}");
        }
    }

    /// Scenario: `OPTIONS *`.
    /// Guarantees: it asks for the gateway itself.
    #[test]
    fn options_of_everything_ask_for_the_gateway() {
        let head = head("OPTIONS", "*", Version::HTTP_11, &[("host", "a")]);
        assert_eq!(Target::read(&head), Ok(Target::Gateway));
    }

    /// Scenario: transfer codings besides chunked, chunked twice, and both in one line.
    /// Guarantees: only chunked alone passes, as nothing else is undone here.
    #[test]
    fn only_chunked_is_undone() {
        let cases = [
            (vec!["chunked"], true),
            (vec!["Chunked"], true),
            (vec!["gzip, chunked"], false),
            (vec!["gzip", "chunked"], false),
            (vec!["chunked", "chunked"], false),
            (vec!["identity"], false),
            (vec![""], false),
        ];
        for (codings, passes) in cases {
            let mut headers = vec![("host", "a")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            let head = head("POST", "/", Version::HTTP_11, &headers);
            let read = Target::read(&head);
            assert_eq!(read.is_ok(), passes, "{codings:?}");
            assert!(passes || read == Err(BadTarget::Coding));
        }
    }
}
