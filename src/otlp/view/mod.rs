//! Borrowed views: telemetry read straight from a request's bytes, without decoding or allocating.
//!
//! The views are made for requests that [`inspect`](super::inspect) accepted, and read them as a
//! generated protobuf reader (prost) does: fields in any order, the last of a field that stands more
//! than once, lists packed or not, unknown fields read past, absent ones as zero or empty. One thing
//! they simplify: of a message field that comes in pieces, which a decoder would merge and no sender
//! is known to write, they take the last piece. For a metric's data that can be fewer points than
//! `inspect` counts.
//!
//! On bytes that nobody checked they end early; they never panic and always end.
//!
//! Text is handed out as bytes: it was checked to be UTF-8, and checking again costs as much as
//! reading. [`text`] makes a `str` of it where that matters not.

mod attribute;
mod exponential;
mod group;
mod histogram;
mod log;
mod metric;
mod number;
mod point;
mod reader;
mod repeated;
mod span;
mod summary;
mod value;
mod value_text;

use std::borrow::Cow;

pub use attribute::{Attribute, Attributes};
pub use exponential::{Buckets, ExponentialPoint};
pub use group::{ResourceGroup, Scope, ScopeGroup, groups};
pub use histogram::HistogramPoint;
pub use log::LogRecord;
pub use metric::{Metric, MetricData, Temporality};
pub use number::NumberPoint;
pub use point::{Exemplar, Exemplars, NumberValue, PointHead};
pub use repeated::Messages;
pub use span::{Span, SpanKind, StatusCode};
pub use summary::SummaryPoint;
pub use value::{AnyValue, Array, Map};

/// The text that a view handed out, checked once more to be UTF-8.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
