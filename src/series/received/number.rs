//! Gauges and sums.

use crate::otlp::view::{Attributes, Exemplars, NumberPoint, NumberValue};
use crate::series::naming::MetricKind;
use crate::series::store::{Fault, Fingerprint, Lineage, SeriesId, Value};

use super::find::{Found, Points};
use super::gaps::Addition;
use super::taking::Taking;
use super::time::Times;

/// The field of a point's attributes.
const ATTRIBUTES: u32 = 7;

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes a point of a gauge or a sum.
    #[inline]
    pub(super) fn number(&mut self, points: &Points<'_>, message: &[u8]) {
        let (key, mut set) = (self.store.key(), Fingerprint::default());
        let point = NumberPoint::read(message, |attribute| {
            set = set.with_member(key.of(attribute.raw));
        });
        let Some((fingerprint, times)) = self.begin(points, set, point.head) else {
            return;
        };
        let (kind, lineage) = (points.stream.kind, points.stream.lineage);
        let value = match checked(point.value, kind, lineage) {
            Ok(value) => value,
            Err(fault) => return self.refuse_point(points, fault),
        };
        let attributes = Attributes::of(message, ATTRIBUTES);
        let taken = match self.find(points, fingerprint, attributes, || Value::None) {
            None => return,
            Some(Found::Overflow(id)) => return self.add_to_overflow(id, &value),
            Some(Found::Own(id)) if lineage == Lineage::Received => {
                self.set(id, kind, value, times).map(|()| id)
            }
            Some(Found::Own(id)) => self.add(id, &value, times).map(|()| id),
        };
        match taken {
            Ok(id) if kind == MetricKind::Counter => self.keep_exemplar(id, point.exemplars()),
            Ok(_) => {}
            Err(fault) => self.refuse_point(points, fault),
        }
    }

    /// Puts the value that the sender has accumulated, or measured, in place of the last.
    #[inline]
    fn set(
        &mut self,
        id: SeriesId,
        kind: MetricKind,
        value: Value,
        times: Times,
    ) -> Result<(), Fault> {
        let now = self.now;
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        match kind {
            MetricKind::Counter => times.may_go_on(series, now)?,
            _ => times.may_follow(series, now)?,
        }
        series.value = value;
        times.note_in(series, now);
        Ok(())
    }

    /// Adds a delta.
    fn add(&mut self, id: SeriesId, value: &Value, times: Times) -> Result<(), Fault> {
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        let total = sum(&series.value, value)?;
        match self.state.gaps.book(id, series, times, self.now)? {
            Addition::Begin => series.value = value.clone(),
            Addition::Add => series.value = total,
        }
        Ok(())
    }

    fn add_to_overflow(&mut self, id: SeriesId, value: &Value) {
        let now = self.now;
        let Some(series) = self.store.get_mut(id) else {
            return;
        };
        match sum(&series.value, value) {
            Ok(total) => {
                series.value = total;
                series.note_change(now);
            }
            Err(fault) => self.store.count_fault(fault, 1),
        }
    }

    /// Keeps the latest exemplar: "the latest exemplar SHOULD be converted".
    #[inline]
    fn keep_exemplar(&mut self, id: SeriesId, exemplars: Exemplars<'_>) {
        let reader = self.exemplars();
        let read = exemplars.filter_map(|exemplar| reader.read(&exemplar));
        let Some(latest) = read.max_by_key(|exemplar| exemplar.time_unix_nano) else {
            return;
        };
        let has_room = self.store.has_room(latest.bytes());
        let Some(series) = self.store.get_mut(id) else {
            return;
        };
        let (before, after) = match &mut series.exemplar {
            Some(held) if held.time_unix_nano > latest.time_unix_nano => return,
            Some(held) => {
                let sizes = (held.bytes(), latest.bytes());
                **held = latest;
                sizes
            }
            None if !has_room => return,
            empty => (0, empty.insert(Box::new(latest)).bytes()),
        };
        self.store.note_heap(before, after);
    }
}

/// The value of a point, if it is one that its kind may have.
#[inline]
fn checked(value: NumberValue, kind: MetricKind, lineage: Lineage) -> Result<Value, Fault> {
    let is_counter = kind == MetricKind::Counter;
    let is_added_up = is_counter || lineage == Lineage::Converted;
    match value {
        NumberValue::None => Err(Fault::NoValue),
        NumberValue::Int(value) if is_counter && value < 0 => Err(Fault::Negative),
        NumberValue::Int(value) => Ok(Value::Integer(value)),
        NumberValue::Double(value) if is_added_up && !value.is_finite() => Err(Fault::NotANumber),
        NumberValue::Double(value) if is_counter && value < 0.0 => Err(Fault::Negative),
        NumberValue::Double(value) => Ok(Value::Double(value)),
    }
}

/// The sum of what is held and a delta. Whole numbers stay whole until they are too large.
fn sum(held: &Value, delta: &Value) -> Result<Value, Fault> {
    if let (Value::Integer(held), Value::Integer(delta)) = (held, delta)
        && let Some(sum) = held.checked_add(*delta)
    {
        return Ok(Value::Integer(sum));
    }
    let total = float(held) + float(delta);
    match total.is_finite() {
        true if matches!(held, Value::None) => Ok(delta.clone()),
        true => Ok(Value::Double(total)),
        false => Err(Fault::NotANumber),
    }
}

/// A number as a float; 0 for what is none.
fn float(value: &Value) -> f64 {
    match value {
        Value::Integer(value) => *value as f64,
        Value::Double(value) => *value,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: deltas of whole numbers and floats on both, and sums that are too large for either.
    /// Guarantees: whole numbers stay whole as long as they fit; nothing becomes infinite.
    #[test]
    fn deltas_are_added_up() {
        let (int, double) = (Value::Integer, Value::Double);
        let table = [
            (Value::None, int(3), Some("Integer(3)")),
            (Value::None, double(0.5), Some("Double(0.5)")),
            (int(2), int(3), Some("Integer(5)")),
            (int(2), double(0.5), Some("Double(2.5)")),
            (double(0.5), int(2), Some("Double(2.5)")),
            (int(i64::MAX), int(1), Some("Double(9.223372036854776e18)")),
            (double(f64::MAX), double(f64::MAX), None),
        ];
        for (held, delta, expected) in table {
            let total = sum(&held, &delta).ok().map(|total| format!("{total:?}"));
            assert_eq!(total.as_deref(), expected, "{held:?} + {delta:?}");
        }
    }
}
