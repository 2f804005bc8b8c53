//! WebSockets through the gateway (RFC 6455): asked for and granted by headers, then bytes both ways.

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;

use super::ahead::Ahead;
use super::body::{AnswerBody, RequestBody};
use super::headers::tokens;
use super::refusal::Refusal;
use super::upstream::CallFailureKind;
use super::{Answer, Onward, tunnel};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE_OPTION: HeaderValue = HeaderValue::from_static("upgrade");

/// What a caller that asks for a WebSocket has to go on with; `None` where it does not ask.
pub(super) fn asked_for(head: &mut Parts) -> Option<OnUpgrade> {
    let asks = head.method == Method::GET
        && head.version == Version::HTTP_11
        && head.headers.contains_key(UPGRADE)
        && names_websocket(&head.headers);
    head.extensions.remove::<OnUpgrade>().filter(|_| asks)
}

/// Asks the upstream for a WebSocket, which `caller` goes on with. What the guards hold for it is held until it ends.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn open(
    ahead: Ahead,
    mut head: Parts,
    caller: OnUpgrade,
) -> Result<Answer, Refusal> {
    ask(&mut head.headers);
    let nothing = RequestBody::whole(Bytes::new());
    let mut answer = ahead.onward(Request::from_parts(head, nothing)).await?;
    let Some(upstream) = granted(&mut answer)? else {
        return Ok(answer);
    };
    let body = AnswerBody::whole(Bytes::new());
    let held = std::mem::replace(answer.body_mut(), body);
    let gateway = &ahead.gateway.0;
    let terms = tunnel::Terms {
        idle_timeout: ahead.route.plan.settings.timeout.idle,
        closing: gateway.closing.clone(),
    };
    gateway.tunnels.spawn(async move {
        tunnel::run(caller, upstream, terms).await;
        drop(held);
    });
    Ok(answer)
}

/// Asks the next server as the caller asked.
fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, UPGRADE_OPTION);
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Refuses an upstream that switches to something else than a WebSocket.
///
/// # Errors
/// It does.
pub(super) fn check<B>(answer: &Response<B>) -> Result<(), Refusal> {
    let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    if switches && !names_websocket(answer.headers()) {
        return Err(switched("to another protocol than WebSocket"));
    }
    Ok(())
}

/// What the upstream goes on with, in an answer that grants a WebSocket. `None`: it is an answer like any other.
///
/// # Errors
/// There is nothing to go on with.
fn granted(answer: &mut Answer) -> Result<Option<OnUpgrade>, Refusal> {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(None);
    }
    let upstream = answer.extensions_mut().remove::<OnUpgrade>();
    ask(answer.headers_mut());
    upstream
        .map(Some)
        .ok_or_else(|| switched("and kept its connection"))
}

fn switched(how: &str) -> Refusal {
    Refusal::Upstream {
        kind: CallFailureKind::Protocol,
        may_have_run: true,
        message: format!("the upstream switched protocols {how}"),
    }
}

/// Whether these headers speak of a WebSocket and nothing else.
fn names_websocket(headers: &HeaderMap) -> bool {
    let is_it = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let mut upgrades = headers.get_all(UPGRADE).iter();
    let only = upgrades.next().filter(|_| upgrades.next().is_none());
    let mut options = tokens(headers, &CONNECTION);
    only.is_some_and(is_it) && options.any(|option| option.eq_ignore_ascii_case("upgrade"))
}
