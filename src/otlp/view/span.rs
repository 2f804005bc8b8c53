//! `Span`, as far as metrics are derived from it.

use super::attribute::Attribute;
use super::reader::{Reader, fixed64, len, varint};

const TRACE_ID: u32 = len(1);
const SPAN_ID: u32 = len(2);
const PARENT_SPAN_ID: u32 = len(4);
const NAME: u32 = len(5);
const KIND: u32 = varint(6);
const START: u32 = fixed64(7);
const END: u32 = fixed64(8);
const ATTRIBUTES: u32 = len(9);
const STATUS: u32 = len(15);

/// A span (trace.proto).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span<'a> {
    /// The trace's id: 16 bytes, if the sender keeps to the rules.
    pub trace_id: &'a [u8],
    /// The span's id: 8 bytes, if the sender keeps to the rules.
    pub span_id: &'a [u8],
    /// The parent's id; empty for a root span.
    pub parent_span_id: &'a [u8],
    /// What the span does.
    pub name: &'a [u8],
    /// Its place between caller and callee.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub start_unix_nano: u64,
    /// When it ended, in nanoseconds since 1970.
    pub end_unix_nano: u64,
    /// How it ended.
    pub status_code: StatusCode,
}

impl<'a> Span<'a> {
    /// Reads a `Span` message in one pass and hands out its attributes as they come.
    #[inline]
    pub fn read(message: &'a [u8], mut attribute: impl FnMut(Attribute<'a>)) -> Span<'a> {
        let mut span = Span::default();
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                TRACE_ID => span.trace_id = rest.bytes(),
                SPAN_ID => span.span_id = rest.bytes(),
                PARENT_SPAN_ID => span.parent_span_id = rest.bytes(),
                NAME => span.name = rest.bytes(),
                KIND => span.kind = SpanKind::of(rest.varint()),
                START => span.start_unix_nano = rest.fixed64(),
                END => span.end_unix_nano = rest.fixed64(),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                STATUS => span.status_code = status_code(rest.bytes(), span.status_code),
                _ => rest.skip(tag),
            }
        }
        span
    }
}

/// The code that a `Status` names, or else the one `before` it.
#[inline]
fn status_code(status: &[u8], before: StatusCode) -> StatusCode {
    const CODE: u32 = varint(3);
    let mut code = before;
    let mut rest = Reader::new(status);
    while let Some(tag) = rest.tag() {
        match tag {
            CODE => code = StatusCode::of(rest.varint()),
            _ => rest.skip(tag),
        }
    }
    code
}

/// A span's place between caller and callee (trace.proto, `SpanKind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Not said, or a kind that this version does not know.
    #[default]
    Unspecified,
    /// Within an application.
    Internal,
    /// Answers a request from afar.
    Server,
    /// Asks somebody afar.
    Client,
    /// Puts a message on its way.
    Producer,
    /// Takes a message up.
    Consumer,
}

impl SpanKind {
    #[inline]
    const fn of(value: u64) -> SpanKind {
        // Protobuf reads the lower 32 bits of an enum.
        match value as u32 {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }
}

/// How a span ended (trace.proto, `Status.StatusCode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// Not said, or a code that this version does not know.
    #[default]
    Unset,
    /// Well, as somebody decided who knows.
    Ok,
    /// With an error.
    Error,
}

impl StatusCode {
    #[inline]
    const fn of(value: u64) -> StatusCode {
        match value as u32 {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        }
    }
}
