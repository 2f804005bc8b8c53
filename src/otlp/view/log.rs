//! `LogRecord`, as far as metrics are derived from it.

use super::attribute::Attribute;
use super::reader::{Reader, fixed64, len, varint};

const TIME: u32 = fixed64(1);
const SEVERITY_NUMBER: u32 = varint(2);
const SEVERITY_TEXT: u32 = len(3);
const ATTRIBUTES: u32 = len(6);
const TRACE_ID: u32 = len(9);
const SPAN_ID: u32 = len(10);
const OBSERVED_TIME: u32 = fixed64(11);

/// A log record (logs.proto).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970; 0 is unknown.
    pub time_unix_nano: u64,
    /// When it was seen by what collects logs, in nanoseconds since 1970; 0 is unknown.
    pub observed_time_unix_nano: u64,
    /// The severity: 1 to 24 from `TRACE` to `FATAL4`, 0 is unspecified; other numbers mean nothing.
    pub severity_number: i32,
    /// The severity's name where the record comes from.
    pub severity_text: &'a [u8],
    /// The trace's id: 16 bytes, or empty.
    pub trace_id: &'a [u8],
    /// The span's id: 8 bytes, or empty.
    pub span_id: &'a [u8],
}

impl<'a> LogRecord<'a> {
    /// Reads a `LogRecord` message in one pass and hands out its attributes as they come.
    #[inline]
    pub fn read(message: &'a [u8], mut attribute: impl FnMut(Attribute<'a>)) -> LogRecord<'a> {
        let mut record = LogRecord::default();
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                TIME => record.time_unix_nano = rest.fixed64(),
                OBSERVED_TIME => record.observed_time_unix_nano = rest.fixed64(),
                SEVERITY_NUMBER => record.severity_number = rest.varint() as i32,
                SEVERITY_TEXT => record.severity_text = rest.bytes(),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                TRACE_ID => record.trace_id = rest.bytes(),
                SPAN_ID => record.span_id = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        record
    }
}
