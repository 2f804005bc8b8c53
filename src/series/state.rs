//! Everything that the thread of the series owns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use super::continuity::{Continuity, ContinuityCounts, ContinuityOptions};
use super::handle::SeriesHandle;
use super::store::{Expiry, Fault, FaultCounts, Limits, Moment, Store};
use super::targets::{TargetOptions, Targets};
use super::worker::Work;
use crate::journal::Storage;
use crate::otlp::Signal;

/// After how many seconds a contradiction that was not seen again is no longer listed.
const CONFLICT_S: u32 = 24 * 3600;

/// What the series are started with.
#[derive(Clone, Debug)]
pub struct SeriesOptions {
    /// What the store may hold.
    pub limits: Limits,
    /// When series end.
    pub expiry: Expiry,
    /// What is shown of senders.
    pub targets: TargetOptions,
    /// What outlives a restart; `None`: nothing.
    pub continuity: Option<ContinuityOptions>,
    /// Bytes of requests that may wait.
    pub queue_bytes: usize,
}

/// How things stand. Shared with the meters.
#[derive(Debug)]
pub struct SeriesCounts {
    /// Series in the store.
    pub series: AtomicU64,
    /// Families in the store.
    pub families: AtomicU64,
    /// Bytes of memory that the store uses, roughly.
    pub memory_bytes: AtomicU64,
    /// Series that ended for want of points, since the start.
    pub expired: AtomicU64,
    /// The most series there may be.
    pub limit: u64,
    /// How often each fault has happened.
    pub faults: Arc<FaultCounts>,
    /// How continuity goes.
    pub continuity: Arc<ContinuityCounts>,
}

/// Everything that the thread of the series owns.
#[derive(Debug)]
pub struct SeriesState {
    /// Every series.
    pub store: Store,
    /// Who sends.
    pub targets: Targets,
    continuity: Option<Continuity>,
    expiry: Expiry,
    counts: Arc<SeriesCounts>,
}

impl SeriesHandle {
    /// Starts the thread of the series, which first restores what an earlier process kept.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn open(
        options: SeriesOptions,
        storage: Arc<dyn Storage>,
    ) -> io::Result<(SeriesHandle, Arc<SeriesCounts>)> {
        let queue_bytes = options.queue_bytes;
        let mut state = SeriesState::new(options, storage);
        let counts = Arc::clone(&state.counts);
        let make = move || {
            state.restore(SystemTime::now().into());
            state
        };
        Ok((SeriesHandle::start(queue_bytes, make)?, counts))
    }
}

impl SeriesState {
    fn new(options: SeriesOptions, storage: Arc<dyn Storage>) -> SeriesState {
        let store = Store::new(options.limits);
        let continuity = options.continuity;
        let continuity = continuity.map(|options| Continuity::new(storage, options));
        let counts = SeriesCounts {
            series: AtomicU64::new(0),
            families: AtomicU64::new(0),
            memory_bytes: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            limit: options.limits.series as u64,
            faults: Arc::clone(store.faults()),
            continuity: continuity
                .as_ref()
                .map(|one| Arc::clone(one.counts()))
                .unwrap_or_default(),
        };
        SeriesState {
            store,
            targets: Targets::new(options.targets),
            continuity,
            expiry: options.expiry,
            counts: Arc::new(counts),
        }
    }

    fn restore(&mut self, now: Moment) {
        if let Some(continuity) = &mut self.continuity {
            continuity.restore(&mut self.store, now);
        }
    }

    /// Makes durable what must outlive a restart. To be called before anything of the store is shown.
    pub fn save(&mut self, now: Moment) {
        if let Some(continuity) = &mut self.continuity {
            continuity.save(&mut self.store, now);
        }
    }
}

impl Work for SeriesState {
    fn take(&mut self, signal: Signal, _message: &Bytes, _now: Moment) {
        match signal {
            Signal::Traces | Signal::Metrics | Signal::Logs => {}
        }
    }

    fn panicked(&mut self) {
        self.store.count_fault(Fault::Panic, 1);
    }

    fn sweep(&mut self, now: Moment) {
        let ended = self.store.sweep(now, &self.expiry);
        self.targets.sweep(&mut self.store, now);
        let before_s = now.seconds().saturating_sub(CONFLICT_S);
        self.store.conflicts().forget(before_s);
        let ended = ended.len() as u64;
        self.counts.expired.fetch_add(ended, Ordering::Relaxed);
    }

    fn publish(&mut self) {
        let (store, counts) = (&self.store, &self.counts);
        let now = |place: &AtomicU64, value: usize| place.store(value as u64, Ordering::Relaxed);
        now(&counts.series, store.len());
        now(&counts.families, store.families_len());
        now(&counts.memory_bytes, store.memory_bytes());
    }

    fn close(&mut self, now: Moment) {
        if let Some(continuity) = &mut self.continuity {
            continuity.save_now(&mut self.store, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::DiskStorage;
    use crate::series::naming::{MetricKind, Strategy};
    use crate::series::store::{FamilySpec, Fingerprint, Lineage, NewSeries, Value};

    fn options(dir: &std::path::Path) -> SeriesOptions {
        SeriesOptions {
            limits: Limits {
                series: 10,
                series_per_metric: 10,
                label_bytes: 100,
                memory_bytes: 1 << 20,
            },
            expiry: Expiry {
                gauges_s: 10,
                counters_s: 20,
                derived_s: 30,
            },
            targets: TargetOptions {
                strategy: Strategy::default(),
                scope_labels: true,
                target_info: true,
                max: 10,
            },
            continuity: Some(ContinuityOptions {
                dir: dir.join("series"),
                max_bytes: 1 << 20,
            }),
            queue_bytes: 1000,
        }
    }

    fn open(dir: &std::path::Path) -> (SeriesHandle, Arc<SeriesCounts>) {
        SeriesHandle::open(options(dir), Arc::new(DiskStorage)).unwrap()
    }

    fn count(state: &mut SeriesState, value: i64, now: Moment) {
        let spec = FamilySpec {
            name: "a_total",
            kind: MetricKind::Counter,
            unit: "",
            help: "",
        };
        let new = NewSeries {
            fingerprint: Fingerprint::default(),
            identity: 1,
            labels: "".into(),
            family: state.store.family(&spec).unwrap(),
            place: None,
            lineage: Lineage::Converted,
            start_unix_nano: 1,
            value: Value::Integer(value),
        };
        state.store.insert(new, 0, now).unwrap();
    }

    fn values(state: &mut SeriesState) -> Vec<String> {
        let series = state.store.iter().map(|(_, series)| series);
        series.map(|series| format!("{:?}", series.value)).collect()
    }

    /// Scenario: a counter is added, the agent ends in order and starts again in the same directory.
    /// Guarantees: the counter is there with its value, and the meters know of it.
    #[tokio::test]
    async fn a_restart_goes_on_with_the_counters() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemTime::now().into();
        let (series, _) = open(dir.path());
        series.ask(move |state| count(state, 41, now)).await;
        series.close().await;
        let (series, counts) = open(dir.path());
        let expected = Some(vec!["Integer(41)".to_owned()]);
        assert_eq!(series.ask(values).await, expected);
        assert_eq!(counts.series.load(Ordering::Relaxed), 1);
        assert_eq!(counts.families.load(Ordering::Relaxed), 1);
        series.close().await;
    }

    /// Scenario: a sweep just before and just after a series' time is over.
    /// Guarantees: it goes then and not before, is counted, and does not come back after a restart.
    #[test]
    fn what_is_over_goes_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let at = |s: u64| Moment { unix_ms: s * 1000 };
        let mut state = SeriesState::new(options(dir.path()), Arc::new(DiskStorage));
        count(&mut state, 1, at(100));
        state.save(at(100));
        for (s, left) in [(130, 1), (131, 0)] {
            state.sweep(at(s));
            assert_eq!(values(&mut state).len(), left, "{s}");
        }
        assert_eq!(state.counts.expired.load(Ordering::Relaxed), 1);
        state.close(at(131));
        drop(state);
        let mut again = SeriesState::new(options(dir.path()), Arc::new(DiskStorage));
        again.restore(at(100));
        assert!(values(&mut again).is_empty());
    }
}
