//! Redirects that stay with the upstream.

use std::time::Instant;

use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body::Body as _;
use url::{Position, Url};

use super::ahead::Ahead;
use super::attempt::{Brought, Missed};
use super::attempts;
use super::body::RequestBody;
use super::path::Path;
use super::plan::Plan;

/// Whether redirects of `request` are followed at all: those of requests that only read, and have no body.
pub(super) fn may_follow(plan: &Plan, request: &Request<RequestBody>) -> bool {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    plan.settings.redirects > 0 && reads && request.body().is_end_stream()
}

/// Sends `request` to where the upstream says, as long as that is the upstream itself, and no more often than the route says.
///
/// # Errors
/// Why the last request brought no answer.
pub(super) async fn follow(
    ahead: &Ahead,
    request: Request<RequestBody>,
    due: Option<Instant>,
) -> Result<Brought, Missed> {
    let plan = &ahead.route.plan;
    let (mut head, _) = request.into_parts();
    let mut left = plan.settings.redirects;
    loop {
        let request = Request::from_parts(head.clone(), RequestBody::whole(bytes::Bytes::new()));
        let brought = attempts::make(ahead, request, due).await?;
        let (status, headers) = (brought.answer.status(), brought.answer.headers());
        let next = is_redirect(status)
            .then(|| next(plan, &head.uri, headers))
            .flatten();
        match next.filter(|_| left > 0) {
            Some(next) => head.uri = next,
            None => return Ok(brought),
        }
        left -= 1;
    }
}

/// Statuses that name another place for the same question (RFC 9110, section 15.4).
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where the answer with `headers` sends a request for `asked`, if that is a path of the upstream that callers may ask for.
fn next(plan: &Plan, asked: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let mut locations = headers.get_all(LOCATION).iter();
    let location = locations.next().filter(|_| locations.next().is_none())?;
    let location = location.to_str().ok()?;
    let upstream = Url::parse(&plan.settings.upstream.to_string()).ok()?;
    let next = upstream
        .join(asked.path_and_query()?.as_str())
        .ok()?
        .join(location)
        .ok()?;
    if next.origin() != upstream.origin()
        || !next.username().is_empty()
        || next.password().is_some()
    {
        return None;
    }
    let path = Path::read(next.path()).ok()?;
    if path.has_encoded_slash() || !plan.is_below_base(path.raw()) {
        return None;
    }
    let target = &next[Position::BeforePath..Position::AfterQuery];
    PathAndQuery::try_from(target).ok().map(Uri::from)
}
