//! What of a series is written: the value that its family's type asks for.

use super::labels::Labels;
use super::number::Number;
use crate::series::naming::MetricKind;
use crate::series::store::{Exemplar, Exponential, Histogram, Reading, SeriesId, Summary, Value};

/// One series as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// Its id in the store; the agent's own have none.
    pub id: Option<SeriesId>,
    /// Its labels.
    pub labels: Labels<'a>,
    /// When its value began to accumulate, in nanoseconds since the Unix epoch; 0 when unknown.
    pub start_unix_nano: u64,
    /// Its value.
    pub point: Point<'a>,
}

/// A value that fits the type of its family.
#[derive(Clone, Copy, Debug)]
pub(super) enum Point<'a> {
    /// Of a counter, gauge, info, stateset or unknown.
    Number(Number, Option<&'a Exemplar>),
    /// A histogram with explicit bounds.
    Histogram(&'a Histogram),
    /// A histogram whose bounds are powers of a base.
    Exponential(&'a Exponential),
    /// Quantiles.
    Summary(&'a Summary),
}

impl<'a> Point<'a> {
    /// What a family of `kind` shows of `value` in a `reading`; `None` where it can show nothing of it.
    pub(super) fn of(
        kind: MetricKind,
        reading: Reading,
        value: &'a Value,
        exemplar: Option<&'a Exemplar>,
    ) -> Option<Point<'a>> {
        match reading {
            Reading::Count => counted(value).filter(|_| kind == MetricKind::Counter),
            Reading::Same => same(kind, value, exemplar),
        }
    }
}

fn same<'a>(
    kind: MetricKind,
    value: &'a Value,
    exemplar: Option<&'a Exemplar>,
) -> Option<Point<'a>> {
    match (kind, value) {
        (MetricKind::Histogram, Value::Histogram(one)) => Some(Point::Histogram(one)),
        (MetricKind::Histogram, Value::Exponential(one)) => Some(Point::Exponential(one)),
        (MetricKind::Summary, Value::Summary(one)) => Some(Point::Summary(one)),
        (MetricKind::Histogram | MetricKind::Summary, _) => None,
        (_, Value::Integer(number)) => Some(Point::Number(Number::Integer(*number), exemplar)),
        (_, Value::Double(number)) => Some(Point::Number(Number::Double(*number), exemplar)),
        _ => None,
    }
}

/// How much was observed, with the latest exemplar of all buckets.
fn counted(value: &Value) -> Option<Point<'_>> {
    let (count, exemplar) = match value {
        Value::Histogram(one) => {
            let all = one.exemplars.iter().flat_map(|all| all.iter().flatten());
            (one.count, latest(all.map(AsRef::as_ref)))
        }
        Value::Exponential(one) => (one.count, latest(one.exemplars.iter())),
        Value::Summary(one) => (one.count, None),
        _ => return None,
    };
    Some(Point::Number(Number::Count(count), exemplar))
}

fn latest<'a>(exemplars: impl Iterator<Item = &'a Exemplar>) -> Option<&'a Exemplar> {
    exemplars.max_by_key(|exemplar| exemplar.time_unix_nano)
}
