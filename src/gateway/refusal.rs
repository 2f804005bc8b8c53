//! Why a request does not get an answer of its upstream. This is the one place where a reason becomes a status.

use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::caller_body::CallerFault;
use super::keys::KeyRefusal;
use super::target::BadTarget;
use super::upstream::{CallFailure, CallFailureKind};
use super::{Answer, AnswerBody};

/// The media type of problem details (RFC 9457, section 3).
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Places are free again as fast as the upstream answers; this only keeps callers from asking without a pause.
const A_PLACE_IS_FREE_AFTER: Duration = Duration::from_secs(1);

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 503: the agent is shutting down.
    ShuttingDown {
        /// When to come back.
        retry_after: Duration,
    },
    /// 400: what the request asks for is not understood, or could be understood in two ways.
    Target(BadTarget),
    /// 404: no route leads there.
    NoRoute,
    /// 421: the gateway was taken for a proxy to a host that it has no route for.
    NotServed,
    /// 405: the route does not take the method.
    Method {
        /// What it takes.
        allow: HeaderValue,
    },
    /// 431: the head of the request is too large.
    HeadTooLarge {
        /// What `gateway.max_head` allows.
        max_bytes: u64,
    },
    /// 413, 408 or 400: the request's body.
    Body(CallerFault),
    /// 429: a limit is reached.
    Limited {
        /// Which.
        limit: Limit,
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// 400, 409, 422, 502 or 503: the request's idempotency key.
    Key(KeyRefusal),
    /// 503: the route's requests under way are as many as they may be (bulkhead).
    Busy {
        /// How many may be.
        places: usize,
    },
    /// 503: the breaker holds calls to the upstream back.
    BreakerOpen {
        /// When calls are tried again.
        retry_after: Duration,
    },
    /// 504: all attempts together took too long.
    TookTooLong {
        /// What `timeout.total` allows.
        within: Duration,
    },
    /// 508: the request came through here too often.
    Loop,
    /// 502 or 504: the upstream gave no answer.
    Upstream {
        /// Why.
        kind: CallFailureKind,
        /// Whether the upstream may have seen the request and acted.
        may_have_run: bool,
        /// What happened, to what.
        message: String,
    },
    /// 504: the request wants a kept answer or none, and none is kept (RFC 9111, section 5.2.1.7).
    NotCached,
}

/// What limits how many requests are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The limit of the route as a whole.
    Route,
    /// The limit of each caller.
    Caller,
    /// What the upstream was seen to allow.
    Quota,
}

impl Limit {
    /// The limit in one word, as an attribute of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Route => "route",
            Limit::Caller => "caller",
            Limit::Quota => "quota",
        }
    }
}

/// Problem details (RFC 9457, section 3.1), with the guard that refused, why, and the route.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    guard: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
}

impl Refusal {
    /// Which guard refused, in one word: an attribute of metrics and a member of the answer.
    pub fn guard(&self) -> &'static str {
        match self {
            Refusal::ShuttingDown { .. } => "shutdown",
            Refusal::Target(_) | Refusal::Loop => "target",
            Refusal::NoRoute | Refusal::NotServed => "route",
            Refusal::Method { .. } => "method",
            Refusal::HeadTooLarge { .. } => "head",
            Refusal::Body(_) => "body",
            Refusal::Limited {
                limit: Limit::Quota,
                ..
            } => "quota",
            Refusal::Limited { .. } => "limit",
            Refusal::Key(why) => why.guard(),
            Refusal::Busy { .. } => "bulkhead",
            Refusal::BreakerOpen { .. } => "breaker",
            Refusal::TookTooLong { .. } => "upstream",
            Refusal::Upstream { kind, .. } => match kind {
                CallFailureKind::CallerStalled | CallFailureKind::CallerBody => "body",
                _ => "upstream",
            },
            Refusal::NotCached => "cache",
        }
    }

    /// The status that the caller gets.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::ShuttingDown { .. } | Refusal::Busy { .. } | Refusal::BreakerOpen { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Refusal::Target(_) => StatusCode::BAD_REQUEST,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::NotServed => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::HeadTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::Body(CallerFault::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Body(CallerFault::Stalled { .. }) => StatusCode::REQUEST_TIMEOUT,
            Refusal::Body(CallerFault::Broken) => StatusCode::BAD_REQUEST,
            Refusal::Key(why) => why.status(),
            Refusal::Loop => StatusCode::LOOP_DETECTED,
            Refusal::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::TookTooLong { .. } => StatusCode::GATEWAY_TIMEOUT,
            Refusal::Upstream { kind, .. } => match kind {
                CallFailureKind::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
                CallFailureKind::CallerStalled => StatusCode::REQUEST_TIMEOUT,
                CallFailureKind::CallerBody => StatusCode::BAD_REQUEST,
                _ => StatusCode::BAD_GATEWAY,
            },
            Refusal::NotCached => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What happened, to what, and what to do.
    fn detail(&self) -> String {
        match self {
            Refusal::ShuttingDown { .. } => "the agent is shutting down; come back later".to_owned(),
            Refusal::Target(why) => why.to_string(),
            Refusal::NoRoute => {
                "no route of the gateway leads there; [route.<name>] in the configuration names where requests may go".to_owned()
            }
            Refusal::NotServed => {
                "the gateway is no open proxy, and no route names this host; add it to `hosts` of a route".to_owned()
            }
            Refusal::Method { allow } => {
                let allowed = allow.to_str().unwrap_or_default();
                format!("the route takes {allowed} only; `methods` of the route says so")
            }
            Refusal::HeadTooLarge { max_bytes } => {
                format!("the request's target and headers are larger than {max_bytes} bytes; send less, or raise gateway.max_head")
            }
            Refusal::Body(fault @ CallerFault::TooLarge { .. }) => {
                format!("{fault}; send less, or raise `max_body` of the route")
            }
            Refusal::Body(fault @ CallerFault::Stalled { .. }) => {
                format!("{fault}; send it without pauses, or raise `timeout.send` of the route")
            }
            Refusal::Body(fault) => format!("{fault}; send the request again"),
            Refusal::Key(why) => why.detail(),
            Refusal::Loop => {
                "the request has come through this gateway too often: an upstream leads back to it".to_owned()
            }
            Refusal::Limited { limit, .. } => match limit {
                Limit::Route => "the route takes no more requests for now (limit.route); come back later",
                Limit::Caller => "the route takes no more requests of this caller for now (limit.caller); come back later",
                Limit::Quota => "the upstream takes no more requests for now, as its last answers said (limit.learn); come back later",
            }
            .to_owned(),
            Refusal::Busy { places } => {
                format!("{places} requests of the route are under way, which is all it takes; come back later, or raise `concurrency` of the route")
            }
            Refusal::BreakerOpen { .. } => {
                "the upstream has failed too often: calls are held back until it is tried again; come back then".to_owned()
            }
            Refusal::TookTooLong { within } => {
                let within = humantime::format_duration(*within);
                format!("the upstream did not answer within {within}, all attempts together (timeout.total)")
            }
            Refusal::Upstream { message, .. } => message.clone(),
            Refusal::NotCached => {
                "no answer to this request is kept, and it asks for a kept one alone (only-if-cached); ask without that".to_owned()
            }
        }
    }

    /// Why, in one word for programs: what tells apart refusals of one guard.
    fn reason(&self) -> &'static str {
        match self {
            Refusal::ShuttingDown { .. } => "shutting_down",
            Refusal::Target(_) => "bad_target",
            Refusal::NoRoute => "no_route",
            Refusal::NotServed => "host_not_served",
            Refusal::Method { .. } => "method_not_allowed",
            Refusal::HeadTooLarge { .. } => "head_too_large",
            Refusal::Body(CallerFault::TooLarge { .. }) => "body_too_large",
            Refusal::Body(CallerFault::Stalled { .. }) => "body_stalled",
            Refusal::Body(CallerFault::Broken) => "body_broken",
            Refusal::Key(why) => why.reason(),
            Refusal::Loop => "loop",
            Refusal::Limited { limit, .. } => match limit {
                Limit::Route => "limit_of_route",
                Limit::Caller => "limit_of_caller",
                Limit::Quota => "limit_of_upstream",
            },
            Refusal::Busy { .. } => "all_places_taken",
            Refusal::BreakerOpen { .. } => "held_back",
            Refusal::TookTooLong { .. } => "timeout_total",
            Refusal::Upstream { kind, .. } => match kind {
                CallFailureKind::CallerStalled => "body_stalled",
                CallFailureKind::CallerBody => "body_broken",
                kind => kind.name(),
            },
            Refusal::NotCached => "not_cached",
        }
    }

    /// How long to wait before it is worth asking again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::ShuttingDown { retry_after }
            | Refusal::Limited { retry_after, .. }
            | Refusal::BreakerOpen { retry_after } => Some(*retry_after),
            Refusal::Key(why) => why.retry_after(),
            Refusal::Busy { .. } => Some(A_PLACE_IS_FREE_AFTER),
            _ => None,
        }
    }

    /// Whether the upstream may have acted all the same.
    pub(crate) fn may_have_run(&self) -> bool {
        match self {
            Refusal::Upstream { may_have_run, .. } => *may_have_run,
            Refusal::TookTooLong { .. } => true,
            _ => false,
        }
    }

    /// The answer that says so; `route` is the one that the request took.
    pub(crate) fn answer(&self, route: Option<&str>) -> Answer {
        let status = self.status();
        let problem = Problem {
            r#type: "about:blank",
            // That type has the status's own phrase for a title (RFC 9457, section 4.2.1).
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
            guard: self.guard(),
            reason: self.reason(),
            route,
        };
        // Fails only for maps whose keys are not strings.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut answer = Response::new(AnswerBody::whole(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Refusal::Method { allow } = self {
            headers.insert(ALLOW, allow.clone());
        }
        answer
    }
}

impl From<BadTarget> for Refusal {
    fn from(why: BadTarget) -> Refusal {
        Refusal::Target(why)
    }
}

impl From<CallFailure> for Refusal {
    fn from(failure: CallFailure) -> Refusal {
        let fault = failure.caller_error();
        if let Some(fault) = fault.and_then(|fault| fault.downcast_ref::<CallerFault>()) {
            return Refusal::Body(*fault);
        }
        Refusal::Upstream {
            kind: failure.kind,
            may_have_run: failure.may_have_arrived,
            message: failure.to_string(),
        }
    }
}
