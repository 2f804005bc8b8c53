//! The gaps of all series that have any, beside the store: most have none.

use std::collections::HashMap;

use crate::series::store::{Fault, Fingerprint, Lineage, Moment, Series, SeriesId, Store, Value};

use super::delta::{Counted, Gaps, Interval, WINDOW_NANO};
use super::time::{Times, silence_s};

/// How many series may have gaps that are remembered.
const MAX_SERIES: usize = 65_536;

/// After how many seconds without a delta taken an older one means that the sender's clock was set back:
/// once no delta can be meant for a gap.
const CLOCK_SET_BACK_S: u32 = (WINDOW_NANO / 1_000_000_000) as u32;

/// The gaps of series.
#[derive(Debug, Default)]
pub(super) struct GapTable {
    by_series: HashMap<SeriesId, (Fingerprint, Gaps)>,
}

/// How a delta goes into its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addition {
    /// It takes the place of what is there.
    Begin,
    /// It is added to what is there.
    Add,
}

impl GapTable {
    /// Books the time of a delta in its series, if it may be counted.
    ///
    /// # Errors
    /// Why it may not.
    #[inline]
    pub(super) fn book(
        &mut self,
        id: SeriesId,
        series: &mut Series,
        times: Times,
        now: Moment,
    ) -> Result<Addition, Fault> {
        let was_received = series.lineage != Lineage::Converted;
        let is_new = series.time_unix_nano == 0 || was_received;
        let addition = match was_received || matches!(series.value, Value::None) {
            true => Addition::Begin,
            false => Addition::Add,
        };
        series.time_unix_nano = match is_new {
            true => times.time_unix_nano,
            false => self.counted_until(id, series, times, now)?,
        };
        if addition == Addition::Begin || series.start_unix_nano == 0 {
            series.lineage = Lineage::Converted;
            series.start_unix_nano = times.start_or_time();
        }
        series.seen_s = now.seconds();
        series.changed = true;
        Ok(addition)
    }

    #[inline]
    fn counted_until(
        &mut self,
        id: SeriesId,
        series: &Series,
        times: Times,
        now: Moment,
    ) -> Result<u64, Fault> {
        let counted = Counted {
            since: series.start_unix_nano,
            until: series.time_unix_nano,
        };
        let new = Interval {
            start: times.start_unix_nano,
            end: times.time_unix_nano,
        };
        if times.is_arrival {
            return Ok(counted.until.max(new.end));
        }
        if new.goes_on(counted) {
            return Ok(new.end);
        }
        let is_older = new.end < counted.until;
        if is_older && silence_s(series, now) >= CLOCK_SET_BACK_S {
            self.by_series.remove(&id);
            return Ok(new.end);
        }
        self.take(id, series.fingerprint, counted, new)
    }

    fn take(
        &mut self,
        id: SeriesId,
        fingerprint: Fingerprint,
        counted: Counted,
        new: Interval,
    ) -> Result<u64, Fault> {
        // Ids are used again: the fingerprint tells whether the gaps are of this series.
        let known = self
            .by_series
            .get(&id)
            .filter(|(owner, _)| *owner == fingerprint);
        let mut gaps = known.map(|(_, gaps)| *gaps).unwrap_or_default();
        let until = gaps.take(counted, new)?;
        if gaps.is_empty() {
            self.by_series.remove(&id);
        } else if self.by_series.len() < MAX_SERIES || self.by_series.contains_key(&id) {
            self.by_series.insert(id, (fingerprint, gaps));
        }
        Ok(until)
    }

    /// Forgets the gaps of series that are gone.
    pub(super) fn sweep(&mut self, store: &Store) {
        self.by_series.retain(|id, (fingerprint, _)| {
            store
                .get(*id)
                .is_some_and(|series| series.fingerprint == *fingerprint)
        });
    }
}
