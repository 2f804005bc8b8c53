//! What outlives a restart needs of the store: series put back, their numbers in the file, and which ended.

use super::{Family, Fault, Fingerprint, Lineage, NewSeries, Series, SeriesId, Store};

/// The owner of places that no target has asked for yet.
pub const NOBODY: u32 = u32::MAX;

impl Store {
    /// Puts a series back as it stood before a restart; `seen_s` is when its last point arrived.
    ///
    /// Fingerprints are keyed anew in each process, so the one in `new` is not entered: the series takes on that of
    /// the first [`Store::insert`] that has the same labels and identity. The limits hold, but for overflow series.
    ///
    /// # Errors
    /// The limit that forbids it, or [`Fault::LabelConflict`] where another series is written alike.
    pub fn restore(
        &mut self,
        new: NewSeries,
        time_unix_nano: u64,
        seen_s: u32,
    ) -> Result<SeriesId, Fault> {
        let written = self.written_hash(&new);
        if self.written_alike(written, &new).is_some() {
            return Err(Fault::LabelConflict);
        }
        self.check_limits(&new)?;
        let id = self.put(new, written, (time_unix_nano, seen_s))?;
        let one = &mut self.series[id.0 as usize];
        one.fingerprint = Fingerprint::default();
        one.restored = true;
        Ok(id)
    }

    /// Visits every series that accumulates here, with its family and the labels of its place, until a visit fails.
    ///
    /// # Errors
    /// That of the visit.
    pub fn visit_accumulated<E>(
        &mut self,
        mut visit: impl FnMut(&mut Series, &Family, Option<&str>) -> Result<(), E>,
    ) -> Result<(), E> {
        let accumulated = self.series.iter_mut().map(|(_, series)| series);
        for series in accumulated.filter(|series| series.lineage != Lineage::Received) {
            let place = series.place.map(|place| self.places.text(place));
            if let Some(family) = self.families.get(series.family.0 as usize) {
                visit(series, family, place)?;
            }
        }
        Ok(())
    }

    /// The numbers ([`Series::durable_id`]) of series that went since the last call.
    pub fn take_ended(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FamilyId, FamilySpec, FingerprintKey, Limits, Moment, Value};
    use super::*;
    use crate::series::naming::MetricKind;

    const NOW: Moment = Moment { unix_ms: 5_000 };

    fn store(series: usize) -> (Store, FamilyId) {
        let mut store = Store::new(Limits {
            series,
            series_per_metric: series,
            label_bytes: 100,
            memory_bytes: 1 << 30,
        });
        let spec = FamilySpec {
            name: "a_total",
            kind: MetricKind::Counter,
            unit: "",
            help: "",
        };
        let family = store.family(&spec).unwrap();
        (store, family)
    }

    fn new(family: FamilyId, labels: &str, key: FingerprintKey) -> NewSeries {
        NewSeries {
            fingerprint: key.of(labels.as_bytes()),
            identity: 7,
            labels: labels.into(),
            family,
            place: None,
            lineage: Lineage::Converted,
            start_unix_nano: 1,
            value: Value::Integer(41),
        }
    }

    /// Scenario: more series than aliases are remembered are put back, then a point comes for each, twice.
    /// Guarantees: each takes on the fingerprint of its first point, keeps its value, and is found by it from then on.
    #[test]
    fn a_restored_series_takes_on_the_first_fingerprint() {
        let count = super::super::insert::MAX_ALIASES + 1_000;
        let (mut store, family) = store(count);
        let (before, key) = (FingerprintKey::random(), store.key());
        let labels: Vec<_> = (0..count).map(|i| format!("i=\"{i}\"")).collect();
        for labels in &labels {
            store.restore(new(family, labels, before), 3, 4).unwrap();
        }
        let ids: Vec<_> = labels
            .iter()
            .map(|labels| {
                let new = new(family, labels, key);
                assert_eq!(store.find(new.fingerprint), None);
                store.insert(new, 9, NOW).unwrap()
            })
            .collect();
        for (labels, id) in labels.iter().zip(&ids) {
            assert_eq!(store.find(key.of(labels.as_bytes())), Some(*id));
        }
        assert!(store.aliases.is_empty());
        assert_eq!(store.len(), count);
        let one = store.get(ids[0]).unwrap();
        assert!(matches!(one.value, Value::Integer(41)));
        assert_eq!((one.seen_s, one.time_unix_nano), (4, 3));
    }

    /// Scenario: another identity comes under the labels of a restored series.
    /// Guarantees: it is a conflict, as it was before the restart, and the series stays free for its own points.
    #[test]
    fn another_identity_does_not_take_a_restored_series() {
        let (mut store, family) = store(10);
        let key = store.key();
        let id = store.restore(new(family, "a=\"b\"", key), 0, 0).unwrap();
        let stranger = NewSeries {
            identity: 8,
            ..new(family, "a=\"b\"", key)
        };
        assert_eq!(store.insert(stranger, 0, NOW), Err(Fault::LabelConflict));
        assert_eq!(store.insert(new(family, "a=\"b\"", key), 0, NOW), Ok(id));
    }

    /// Scenario: series are put back beyond the limit, and the overflow series after them.
    /// Guarantees: the limit holds, but the overflow series, which holds what others lost, comes back.
    #[test]
    fn limits_hold_for_restored_series_but_overflow() {
        let (mut store, family) = store(1);
        let key = store.key();
        let mut restore = |labels| store.restore(new(family, labels, key), 0, 0).err();
        assert_eq!(restore("a=\"1\""), None);
        assert_eq!(restore("a=\"1\""), Some(Fault::LabelConflict));
        assert_eq!(restore("a=\"2\""), Some(Fault::MetricLimit));
        let overflow =
            NewSeries::overflow(key, family, None, Lineage::Converted, 0, Value::Integer(1));
        assert!(store.restore(overflow, 0, 0).is_ok());
    }

    /// Scenario: series with and without a number in the file go, restored ones among them.
    /// Guarantees: the numbers are told once; what is gone leaves no bytes behind.
    #[test]
    fn the_numbers_of_ended_series_are_told_once() {
        let (mut store, family) = store(10);
        let (key, empty) = (store.key(), store.memory_bytes());
        let kept = store.restore(new(family, "a=\"1\"", key), 0, 0).unwrap();
        let other = store.insert(new(family, "a=\"2\"", key), 0, NOW).unwrap();
        store.get_mut(kept).unwrap().durable_id = 12;
        store.families[family.0 as usize].pinned = true;
        store.remove(&[kept, other]);
        assert_eq!(store.take_ended(), [12]);
        assert!(store.take_ended().is_empty());
        assert_eq!(store.memory_bytes(), empty);
    }
}
