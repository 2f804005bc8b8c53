//! Summaries, shown as their senders worked them out.

use crate::otlp::view::{Attributes, SummaryPoint};
use crate::series::store::{Fault, Fingerprint, SeriesId, Summary, Value};

use super::Scratch;
use super::find::{Found, Points};
use super::taking::Taking;
use super::time::Times;

/// The field of a point's attributes.
const ATTRIBUTES: u32 = 7;

/// How many quantiles of a point are shown.
const MAX_QUANTILES: usize = 256;

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes a point of a summary.
    pub(super) fn summary(&mut self, points: &Points<'_>, message: &[u8]) {
        let (key, mut set) = (self.store.key(), Fingerprint::default());
        let point = SummaryPoint::read(message, |attribute| {
            set = set.with_member(key.of(attribute.raw));
        });
        let Some((fingerprint, times)) = self.begin(points, set, point.head) else {
            return;
        };
        self.state.scratch.read_quantiles(&point);
        let quantiles = self.state.scratch.quantiles.len();
        let empty = || {
            Value::Summary(Box::new(Summary {
                count: 0,
                sum: 0.0,
                quantiles: vec![(0.0, 0.0); quantiles].into(),
            }))
        };
        let attributes = Attributes::of(message, ATTRIBUTES);
        // Summaries have no temporality, so that none overflows.
        if let Some(Found::Own(id)) = self.find(points, fingerprint, attributes, empty)
            && let Err(fault) = self.set_summary(id, &point, times)
        {
            self.refuse_point(points, fault);
        }
    }

    fn set_summary(
        &mut self,
        id: SeriesId,
        point: &SummaryPoint<'_>,
        times: Times,
    ) -> Result<(), Fault> {
        let (now, quantiles) = (self.now, &self.state.scratch.quantiles);
        self.store.may_grow(id, size_of_val(quantiles.as_slice()))?;
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        times.may_go_on(series, now)?;
        let before = series.value.heap_bytes();
        match &mut series.value {
            Value::Summary(held) if held.quantiles.len() == quantiles.len() => {
                held.quantiles.copy_from_slice(quantiles);
                (held.count, held.sum) = (point.count, point.sum);
            }
            other => {
                let (count, sum) = (point.count, point.sum);
                let quantiles = quantiles.as_slice().into();
                *other = Value::Summary(Box::new(Summary {
                    count,
                    sum,
                    quantiles,
                }));
            }
        }
        times.note_in(series, now);
        let after = series.value.heap_bytes();
        self.store.note_heap(before, after);
        Ok(())
    }
}

impl Scratch {
    /// Reads quantiles in ascending order, each once; those outside of 0 to 1 are left out ("between 0.0 and
    /// 1.0, starting from lowest to highest").
    fn read_quantiles(&mut self, point: &SummaryPoint<'_>) {
        self.quantiles.clear();
        let within = point
            .quantiles()
            .filter(|(quantile, _)| (0.0..=1.0).contains(quantile));
        self.quantiles.extend(within.take(MAX_QUANTILES));
        self.quantiles
            .sort_by(|(left, _), (right, _)| left.total_cmp(right));
        self.quantiles.dedup_by_key(|(quantile, _)| *quantile);
    }
}
