//! From the records of a file back to series of the store.

use std::collections::HashMap;
use std::sync::Arc;

use crate::series::naming::MetricKind;
use crate::series::store::{
    Bounds, FamilyId, FamilySpec, Fingerprint, Histogram, Lineage, Moment, NOBODY, NewSeries,
    SeriesId, Store, Value,
};

use super::record::{
    BOUNDS, DEFINE, DOUBLE, Decoder, END, EXPONENTIAL, FAMILY, HISTOGRAM, INTEGER, Malformed, NONE,
    PLACE, SET,
};

/// What the records say, once all are read.
#[derive(Debug, Default)]
pub(super) struct Replay {
    families: Vec<SavedFamily>,
    places: Vec<Box<str>>,
    bounds: Vec<Arc<Bounds>>,
    /// The same bounds are defined with each save, and shared here.
    shared_bounds: HashMap<Vec<u64>, Arc<Bounds>>,
    /// By their number, less one; `None` once ended.
    series: Vec<Option<SavedSeries>>,
}

#[derive(Debug)]
struct SavedFamily {
    kind: MetricKind,
    name: Box<str>,
    unit: Box<str>,
    help: Box<str>,
}

#[derive(Debug)]
struct SavedSeries {
    family: usize,
    place: Option<usize>,
    lineage: Lineage,
    identity: u64,
    labels: Box<str>,
    /// Start, time of the latest point, when it arrived, and the value.
    state: Option<(u64, u64, u32, Value)>,
}

impl Replay {
    /// Takes the records of one frame.
    pub(super) fn take(&mut self, frame: &[u8]) -> Result<(), Malformed> {
        let mut records = Decoder(frame);
        while !records.0.is_empty() {
            match records.byte()? {
                FAMILY => self.family(&mut records)?,
                PLACE => self.places.push(records.text()?.into()),
                BOUNDS => self.bounds(&mut records)?,
                DEFINE => self.define(&mut records)?,
                SET => self.set(&mut records)?,
                END => *self.named(&mut records)? = None,
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    fn family(&mut self, records: &mut Decoder<'_>) -> Result<(), Malformed> {
        self.families.push(SavedFamily {
            kind: records.kind()?,
            name: records.text()?.into(),
            unit: records.text()?.into(),
            help: records.text()?.into(),
        });
        Ok(())
    }

    fn bounds(&mut self, records: &mut Decoder<'_>) -> Result<(), Malformed> {
        let bounds = records.bounds()?;
        let bits = bounds.values().iter().map(|bound| bound.to_bits());
        let shared = self.shared_bounds.entry(bits.collect());
        let shared = shared.or_insert_with(|| Arc::new(bounds));
        self.bounds.push(Arc::clone(shared));
        Ok(())
    }

    fn define(&mut self, records: &mut Decoder<'_>) -> Result<(), Malformed> {
        let (family, place) = (records.small()?, records.small()?.checked_sub(1));
        let known = family < self.families.len();
        if !known || place.is_some_and(|place| place >= self.places.len()) {
            return Err(Malformed);
        }
        self.series.push(Some(SavedSeries {
            family,
            place,
            lineage: records.lineage()?,
            identity: u64::from_le_bytes(records.eight()?),
            labels: records.text()?.into(),
            state: None,
        }));
        Ok(())
    }

    fn set(&mut self, records: &mut Decoder<'_>) -> Result<(), Malformed> {
        let number = records.small()?;
        let (start, time) = (records.number()?, records.number()?);
        let seen_s = u32::try_from(records.number()?).map_err(|_| Malformed)?;
        let value = self.value(records)?;
        let series = self.numbered(number)?.as_mut().ok_or(Malformed)?;
        series.state = Some((start, time, seen_s, value));
        Ok(())
    }

    fn named(&mut self, records: &mut Decoder<'_>) -> Result<&mut Option<SavedSeries>, Malformed> {
        let number = records.small()?;
        self.numbered(number)
    }

    fn numbered(&mut self, number: usize) -> Result<&mut Option<SavedSeries>, Malformed> {
        let place = number.checked_sub(1).ok_or(Malformed)?;
        self.series.get_mut(place).ok_or(Malformed)
    }

    fn value(&self, records: &mut Decoder<'_>) -> Result<Value, Malformed> {
        Ok(match records.byte()? {
            NONE => Value::None,
            INTEGER => Value::Integer(records.signed()?),
            DOUBLE => Value::Double(records.float()?),
            HISTOGRAM => Value::Histogram(Box::new(self.histogram(records)?)),
            EXPONENTIAL => Value::Exponential(Box::new(records.exponential()?)),
            _ => return Err(Malformed),
        })
    }

    fn histogram(&self, records: &mut Decoder<'_>) -> Result<Histogram, Malformed> {
        let bounds = self.bounds.get(records.small()?).ok_or(Malformed)?;
        let counts = records.counts()?;
        if counts.len() != bounds.values().len() + 1 {
            return Err(Malformed);
        }
        Ok(Histogram {
            bounds: Arc::clone(bounds),
            counts: counts.into_boxed_slice(),
            count: records.number()?,
            sum: records.sum()?,
            exemplars: None,
        })
    }

    /// Puts every series that has not ended into the store. Answers with those that went in, and how many did
    /// not: limits are lower than they were, or another metric has the name.
    pub(super) fn restore(self, store: &mut Store, now: Moment) -> (Vec<SeriesId>, usize) {
        let mut families: Vec<Option<FamilyId>> = vec![None; self.families.len()];
        let (mut restored, mut left_out) = (Vec::new(), 0);
        for saved in self.series.into_iter().flatten() {
            let family = families[saved.family]
                .or_else(|| store.family(&self.families[saved.family].spec()).ok());
            families[saved.family] = family;
            let place = saved.place.map(|place| &*self.places[place]);
            let put = family.and_then(|family| saved.restore(store, family, place, now));
            match put {
                Some(id) => restored.push(id),
                None => left_out += 1,
            }
        }
        (restored, left_out)
    }
}

impl SavedFamily {
    fn spec(&self) -> FamilySpec<'_> {
        FamilySpec {
            name: &self.name,
            kind: self.kind,
            unit: &self.unit,
            help: &self.help,
        }
    }
}

impl SavedSeries {
    fn restore(
        self,
        store: &mut Store,
        family: FamilyId,
        place: Option<&str>,
        now: Moment,
    ) -> Option<SeriesId> {
        let (start_unix_nano, time_unix_nano, seen_s, value) = self.state?;
        let new = NewSeries {
            fingerprint: Fingerprint::default(),
            identity: self.identity,
            labels: self.labels,
            family,
            place: place.map(|text| store.place(text, NOBODY)),
            lineage: self.lineage,
            start_unix_nano,
            value,
        };
        // A clock that was set back must not keep it for ever.
        let seen_s = seen_s.min(now.seconds());
        store.restore(new, time_unix_nano, seen_s).ok()
    }
}
