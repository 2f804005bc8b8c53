//! `traceparent` of W3C Trace Context, read from bytes and written into bytes.
//!
//! The propagators of the SDK go through strings and a map of headers; a request through the gateway reads one and writes one or more.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};

/// `traceparent` (W3C Trace Context, section 3.2).
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `tracestate` (W3C Trace Context, section 3.3).
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of version 00: `00-<32 digits>-<16 digits>-<2 digits>`.
const LENGTH: usize = 55;
const TRACE: usize = 3;
const SPAN: usize = 36;
const FLAGS: usize = 53;

/// Which span a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceParent {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) is_sampled: bool,
}

impl TraceParent {
    /// What the headers name; `None` when they name nothing, something malformed or two things.
    pub(super) fn of(headers: &HeaderMap) -> Option<TraceParent> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        TraceParent::parse(value.as_bytes())
    }

    /// Reads versions 00 to fe, of which later ones may say more behind the flags (section 4.3).
    fn parse(text: &[u8]) -> Option<TraceParent> {
        let (fixed, rest) = text.split_at_checked(LENGTH)?;
        let version = digits(&fixed[..2])?;
        let ends_well = rest.is_empty() || (version != 0 && rest[0] == b'-');
        let dashes = [TRACE - 1, SPAN - 1, FLAGS - 1];
        if version == 0xff || !ends_well || dashes.iter().any(|at| fixed[*at] != b'-') {
            return None;
        }
        let high = digits(&fixed[TRACE..TRACE + 16])?;
        let low = digits(&fixed[TRACE + 16..SPAN - 1])?;
        let span_id = digits(&fixed[SPAN..FLAGS - 1])?;
        let flags = digits(&fixed[FLAGS..])?;
        let trace_id = (u128::from(high) << 64) | u128::from(low);
        (trace_id != 0 && span_id != 0).then(|| TraceParent {
            trace_id: TraceId::from(trace_id),
            span_id: SpanId::from(span_id),
            is_sampled: flags & 1 == 1,
        })
    }

    /// The same of a span of this process; `None` when it is not valid, as when spans are suppressed.
    pub(super) fn of_span(span: &SpanContext) -> Option<TraceParent> {
        span.is_valid().then(|| TraceParent {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            is_sampled: span.is_sampled(),
        })
    }

    /// Another span of the same trace that nobody records.
    pub(super) fn unrecorded_child(self) -> TraceParent {
        TraceParent {
            span_id: SpanId::from(fastrand::u64(1..)),
            is_sampled: false,
            ..self
        }
    }

    /// The context of a span in another process, with the `tracestate` of `headers`.
    pub(super) fn context(self, headers: &HeaderMap) -> Context {
        Context::new().with_remote_span_context(self.remote(trace_state(headers)))
    }

    /// As the parent of a span in this process.
    pub(super) fn remote(self, state: TraceState) -> SpanContext {
        let flags = if self.is_sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        SpanContext::new(self.trace_id, self.span_id, flags, true, state)
    }

    /// The value of [`TRACEPARENT`], in version 00.
    pub(super) fn header(self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_digits(&self.trace_id.to_bytes(), &mut text[TRACE..]);
        write_digits(&self.span_id.to_bytes(), &mut text[SPAN..]);
        write_digits(&[u8::from(self.is_sampled)], &mut text[FLAGS..]);
        ascii(&text)
    }
}

/// The trace id as 32 digits.
pub(super) fn trace_id_header(trace_id: TraceId) -> HeaderValue {
    let mut text = [b'0'; 32];
    write_digits(&trace_id.to_bytes(), &mut text);
    ascii(&text)
}

/// `tracestate` in its parsed form; empty when there is none or it is malformed.
fn trace_state(headers: &HeaderMap) -> TraceState {
    let value = headers
        .get(TRACESTATE)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

fn ascii(text: &[u8]) -> HeaderValue {
    // Digits and dashes are always a valid value.
    HeaderValue::from_bytes(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}

/// Reads up to 16 lower-case hexadecimal digits.
fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u64::from(digit))
    })
}

fn write_digits(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let pair = |value: &&str| (TRACEPARENT, HeaderValue::from_str(value).unwrap());
        values.iter().map(pair).collect()
    }

    /// Scenario: well-formed values, one of a later version that says more, and one with flags that are not known.
    /// Guarantees: their ids are read, and written again in version 00 with the one flag that is known.
    #[test]
    fn what_is_read_is_written_again() {
        let later = format!("cc-{}-more", &SAMPLED[3..]);
        let unknown_flags = format!("{}07", &SAMPLED[..FLAGS]);
        for value in [SAMPLED, &later, &unknown_flags] {
            let parent = TraceParent::of(&headers(&[value])).expect(value);
            assert_eq!(parent.header(), SAMPLED);
        }
        let unsampled = format!("{}00", &SAMPLED[..FLAGS]);
        let parent = TraceParent::of(&headers(&[&unsampled])).unwrap();
        assert!(!parent.is_sampled);
        assert_eq!(parent.header(), unsampled.as_str());
    }

    /// Scenario: values that break the format in each of its places, and two values at once.
    /// Guarantees: none of them names a parent.
    #[test]
    fn what_is_malformed_names_nobody() {
        let of = |from: usize, text: &str| {
            format!(
                "{}{text}{}",
                &SAMPLED[..from],
                &SAMPLED[from + text.len()..]
            )
        };
        let bad = [
            String::new(),
            SAMPLED[..54].to_owned(),
            format!("{SAMPLED}-more"),
            format!("cc{}more", &SAMPLED[2..]),
            of(0, "ff"),
            of(2, "_"),
            of(35, "_"),
            of(52, "_"),
            of(3, "0AF7"),
            of(3, "00000000000000000000000000000000"),
            of(36, "0000000000000000"),
            of(53, "0g"),
        ];
        for value in &bad {
            assert_eq!(TraceParent::of(&headers(&[value])), None, "{value:?}");
        }
        assert_eq!(TraceParent::of(&headers(&[SAMPLED, SAMPLED])), None);
        assert_eq!(TraceParent::of(&HeaderMap::new()), None);
    }
}
