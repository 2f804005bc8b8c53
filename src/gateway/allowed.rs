//! What a route takes of requests: which methods, and how much.

use std::time::Duration;

use bytes::Bytes;
use http::header::VIA;
use http::request::Parts;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::body::RequestBody;
use super::caller_body::{CallerBody, CallerFault};
use super::headers::{OWN_NAME, tokens};
use super::plan::Plan;
use super::refusal::Refusal;

/// A request that came through here as often as this goes round in circles.
const MAX_PASSAGES: usize = 8;

/// Of the body of a request that is refused so much is read and forgotten, so that its sender, still writing, gets to read the answer.
const MAX_FORGOTTEN_BYTES: usize = 1 << 20;
const FORGET_WITHIN: Duration = Duration::from_secs(5);

/// Checks what the head of a request says against the route, and against the `max_head_bytes` that the gateway takes.
///
/// # Errors
/// What the route does not take.
pub(super) fn check(
    plan: &Plan,
    head: &Parts,
    body: &Incoming,
    max_head_bytes: u64,
) -> Result<(), Refusal> {
    let methods = &plan.methods;
    if !methods.pass(&head.method) {
        let allow = methods.allow().clone();
        return Err(Refusal::Method { allow });
    }
    if head_bytes(head) > max_head_bytes {
        let max_bytes = max_head_bytes;
        return Err(Refusal::HeadTooLarge { max_bytes });
    }
    let max_bytes = plan.settings.max_body.bytes();
    if body.size_hint().lower() > max_bytes {
        return Err(Refusal::Body(CallerFault::TooLarge { max_bytes }));
    }
    match goes_in_circles(head) {
        true => Err(Refusal::Loop),
        false => Ok(()),
    }
}

/// The size of the target and all headers as HTTP/1.1 writes them.
fn head_bytes(head: &Parts) -> u64 {
    let fields = head.headers.iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let target = head.uri.path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    (fields.sum::<usize>() + target) as u64
}

fn goes_in_circles(head: &Parts) -> bool {
    if !head.headers.contains_key(VIA) {
        return false;
    }
    let passages = tokens(&head.headers, &VIA).filter(|passage| passage.ends_with(OWN_NAME));
    passages.count() >= MAX_PASSAGES
}

/// The caller's body as it is sent on.
pub(super) fn body(plan: &Plan, body: Incoming) -> RequestBody {
    match body.is_end_stream() {
        true => RequestBody::whole(Bytes::new()),
        false => RequestBody::Caller(CallerBody::new(body, plan.settings.max_body.bytes())),
    }
}

/// Passes `refusal` on while the body of its request is read and forgotten.
pub(super) fn turned_away(refusal: Refusal, mut body: Incoming) -> Refusal {
    if body.is_end_stream() {
        return refusal;
    }
    let forget = async move {
        let mut left = MAX_FORGOTTEN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(bytes) else {
                return;
            };
            left = rest;
        }
    };
    // Out of time, the sender is cut off.
    tokio::spawn(async move { timeout(FORGET_WITHIN, forget).await.ok() });
    refusal
}
