//! W3C trace context and baggage over HTTP headers, and the request's identity.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt as _, TraceId};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::trace_parent::{TRACEPARENT, TRACESTATE, TraceParent, trace_id_header};

/// The header that carries a request's id in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest caller's request id that is taken over.
pub const MAX_REQUEST_ID_LEN: usize = 128;

static BAGGAGE: LazyLock<BaggagePropagator> = LazyLock::new(BaggagePropagator::new);

/// `traceparent`, `tracestate` and `baggage` (W3C Trace Context, W3C Baggage).
pub(super) fn w3c() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}

/// The caller's context; without a parent when the headers carry none or a malformed one.
pub fn extract(headers: &HeaderMap) -> Context {
    let parent = TraceParent::of(headers);
    let parent = parent.map_or_else(Context::new, |parent| parent.context(headers));
    BAGGAGE.extract_with_context(&parent, &HeaderExtractor(headers))
}

/// Writes `context` into the headers of a request that goes out.
pub fn inject(context: &Context, headers: &mut HeaderMap) {
    let span = context.span();
    let span = span.span_context();
    if let Some(parent) = TraceParent::of_span(span) {
        headers.insert(TRACEPARENT, parent.header());
        if let Ok(state) = HeaderValue::try_from(span.trace_state().header())
            && !state.is_empty()
        {
            headers.insert(TRACESTATE, state);
        }
    }
    BAGGAGE.inject_context(context, &mut HeaderInjector(headers));
}

/// A request's id: the caller's own value if it sent a sane one, else the trace id.
///
/// Stored in the [`Context`] so that log lines within the request show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id of a request with these headers in the trace `trace_id`.
    pub fn of(headers: &HeaderMap, trace_id: TraceId) -> RequestId {
        let own = headers.get(X_REQUEST_ID).filter(|value| is_sane(value));
        RequestId(own.map_or_else(|| trace_id_or_random(trace_id), HeaderValue::clone))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Both sources are visible ASCII, so this only falls back if that rule is ever broken.
        self.0.to_str().unwrap_or("invalid")
    }

    /// The id as the value of [`X_REQUEST_ID`].
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Whether the value holds 1 to 128 visible ASCII characters.
fn is_sane(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_REQUEST_ID_LEN).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// While spans are suppressed there is no trace id; the caller still needs something to quote.
fn trace_id_or_random(trace_id: TraceId) -> HeaderValue {
    if trace_id == TraceId::INVALID {
        return trace_id_header(TraceId::from(fastrand::u128(1..)));
    }
    trace_id_header(trace_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::baggage::BaggageExt as _;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    /// Scenario: a request with traceparent, tracestate and baggage is taken in and sent on.
    /// Guarantees: all three come out as they went in.
    #[test]
    fn w3c_headers_survive_the_passage() {
        let sent = headers(&[
            ("traceparent", PARENT),
            ("tracestate", "vendor=1"),
            ("baggage", "tenant=acme"),
        ]);
        let context = extract(&sent);
        assert!(context.span().span_context().is_remote());
        assert_eq!(
            context.baggage().get("tenant").map(ToString::to_string),
            Some("acme".to_owned())
        );
        let mut out = HeaderMap::new();
        inject(&context, &mut out);
        assert_eq!(out, sent);
    }

    /// Scenario: traceparents that break the format.
    /// Guarantees: none of them becomes a parent.
    #[test]
    fn malformed_parents_are_ignored() {
        for bad in [
            "",
            "00-zz-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "garbage",
        ] {
            let context = extract(&headers(&[("traceparent", bad)]));
            assert!(!context.span().span_context().is_valid(), "{bad:?}");
        }
    }

    /// Scenario: callers with and without a sane id of their own.
    /// Guarantees: a sane one is kept; an empty, long, spaced or non-ASCII one gives way to the trace id.
    #[test]
    fn request_id_is_the_callers_if_sane() {
        let trace = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128);
        let id = |value: &str| RequestId::of(&headers(&[("x-request-id", value)]), trace);
        let longest = "x".repeat(MAX_REQUEST_ID_LEN);
        assert_eq!(id("order-7").as_str(), "order-7");
        assert_eq!(id(&longest).as_str(), longest);
        let too_long = "x".repeat(MAX_REQUEST_ID_LEN + 1);
        for insane in ["", "a b", "é", too_long.as_str()] {
            assert_eq!(
                id(insane).as_str(),
                "0af7651916cd43dd8448eb211c80319c",
                "{insane:?}"
            );
        }
    }

    /// Scenario: no caller's id and no trace, as when spans are suppressed.
    /// Guarantees: two requests still get different ids.
    #[test]
    fn request_id_without_a_trace_is_unique() {
        let id = || RequestId::of(&HeaderMap::new(), TraceId::INVALID);
        assert_ne!(id(), id());
        assert_eq!(id().as_str().len(), 32);
    }
}
