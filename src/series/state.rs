//! Everything that the thread of the series owns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use super::classic::{Classic, Computed};
use super::continuity::{Continuity, ContinuityCounts, ContinuityOptions};
use super::derived::{Derived, DerivedError, DerivedOptions, ServiceMap};
use super::exposition::{self, About, Exposed, OwnFamily, Request, expose};
use super::handle::SeriesHandle;
use super::percentiles::{PercentileOptions, Percentiles};
use super::received::{Received, ReceivedOptions};
use super::store::{Expiry, Fault, FaultCounts, Limits, Moment, SeriesId, Store};
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
    /// How received metrics are shown.
    pub received: ReceivedOptions,
    /// What is made of spans and log records.
    pub derived: DerivedOptions,
    /// Over which window percentiles are kept, and of how many series.
    pub percentiles: PercentileOptions,
    /// Whether classic names stand beside those of today.
    pub classic_names: bool,
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
    /// Bytes of memory that the store and percentiles use, roughly.
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

/// Why the series can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The operating system gives no thread.
    #[error("cannot start the series thread: {0}")]
    Thread(#[from] io::Error),
    /// What is derived can't be named or measured as asked for.
    #[error("series.spans: {0}")]
    Derived(#[from] DerivedError),
}

/// Everything that the thread of the series owns.
#[derive(Debug)]
pub struct SeriesState {
    /// Every series.
    pub store: Store,
    /// Who sends.
    pub targets: Targets,
    received: Received,
    derived: Derived,
    percentiles: Percentiles,
    classic: Option<(Classic, Computed)>,
    continuity: Option<Continuity>,
    expiry: Expiry,
    counts: Arc<SeriesCounts>,
    /// Bytes that percentiles took at the last sweep.
    percentile_bytes: usize,
    /// Bytes of the last answer to a scrape: the next takes about as many.
    scraped_bytes: usize,
}

impl SeriesHandle {
    /// Starts the thread of the series, which first restores what an earlier process kept.
    ///
    /// # Errors
    /// When the thread can't be started, or the buckets of spans do not ascend.
    pub fn open(
        options: SeriesOptions,
        storage: Arc<dyn Storage>,
    ) -> Result<(SeriesHandle, Arc<SeriesCounts>), SeriesError> {
        let queue_bytes = options.queue_bytes;
        let mut state = SeriesState::new(options, storage)?;
        let counts = Arc::clone(&state.counts);
        let make = move || {
            state.restore(SystemTime::now().into());
            state
        };
        Ok((SeriesHandle::start(queue_bytes, make)?, counts))
    }
}

impl SeriesState {
    fn new(options: SeriesOptions, storage: Arc<dyn Storage>) -> Result<SeriesState, DerivedError> {
        let mut store = Store::new(options.limits);
        let derived = Derived::new(&options.derived, &mut store)?;
        let strategy = options.received.strategy;
        let classic = (Classic::new(strategy), Computed::new(strategy));
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
        Ok(SeriesState {
            store,
            targets: Targets::new(options.targets),
            received: Received::new(options.received),
            derived,
            percentiles: Percentiles::new(options.percentiles),
            classic: Some(classic).filter(|_| options.classic_names),
            continuity,
            expiry: options.expiry,
            counts: Arc::new(counts),
            percentile_bytes: 0,
            scraped_bytes: 0,
        })
    }

    fn restore(&mut self, now: Moment) {
        if let Some(continuity) = &mut self.continuity {
            continuity.restore(&mut self.store, now);
            self.derived.restored(&mut self.store);
            self.name_newcomers();
        }
    }

    /// The store and the agent's own families as `request` asks for them.
    pub fn expose(
        &mut self,
        own: &[OwnFamily],
        request: Request,
        now: Moment,
    ) -> (Vec<u8>, Exposed) {
        self.prepare(now);
        let mut answer = Vec::with_capacity(self.scraped_bytes + self.scraped_bytes / 8);
        let exposed = expose(&self.store, own, request, &mut answer);
        self.scraped_bytes = answer.len();
        (answer, exposed)
    }

    /// The store and the agent's own families as JSON.
    pub fn to_json(&mut self, own: &[OwnFamily], about: About, now: Moment) -> Vec<u8> {
        self.prepare(now);
        let recent = recent(&self.percentiles, now);
        exposition::to_json(&self.store, own, about, &recent)
    }

    /// Who calls whom.
    pub fn map(&mut self, now: Moment) -> ServiceMap {
        self.prepare(now);
        self.derived.map(&self.store, &self.percentiles, now)
    }

    /// Brings everything up to date, and makes durable what must outlive a restart, before it is shown.
    fn prepare(&mut self, now: Moment) {
        self.derived
            .settle(&mut self.store, &mut self.percentiles, now);
        if let Some((_, computed)) = &self.classic {
            computed.refresh(&mut self.store, &recent(&self.percentiles, now), now);
        }
        self.name_newcomers();
        if let Some(continuity) = &mut self.continuity {
            continuity.save(&mut self.store, now);
        }
    }

    /// Gives series that are fresh in the store their classic names.
    fn name_newcomers(&mut self) {
        let newcomers = self.store.take_newcomers();
        if let Some((classic, _)) = &mut self.classic {
            classic.adopt(&mut self.store, &newcomers);
        }
    }
}

/// Answers with the recent percentiles of series, in the order of [`exposition::PERCENTILES`].
fn recent(percentiles: &Percentiles, now: Moment) -> impl Fn(&[SeriesId]) -> Option<[f64; 4]> {
    move |ids| {
        let found = percentiles.quantiles_of(ids.iter().copied(), now)?;
        Some([found.p50, found.p90, found.p95, found.p99])
    }
}

impl Work for SeriesState {
    fn take(&mut self, signal: Signal, message: &Bytes, now: Moment) {
        let (store, targets) = (&mut self.store, &mut self.targets);
        let percentiles = &mut self.percentiles;
        match signal {
            Signal::Traces => {
                self.derived
                    .take_spans(store, targets, percentiles, message, now);
            }
            Signal::Metrics => {
                let observe = |series, value, count| percentiles.add(series, value, count, now);
                self.received.take(store, targets, observe, message, now);
            }
            Signal::Logs => self.derived.take_logs(store, targets, message, now),
        }
        self.name_newcomers();
    }

    fn panicked(&mut self) {
        self.store.count_fault(Fault::Panic, 1);
    }

    fn sweep(&mut self, now: Moment) {
        self.derived
            .settle(&mut self.store, &mut self.percentiles, now);
        // Before the epoch changes: then their ids may be those of others.
        self.name_newcomers();
        let ended = self.store.sweep(now, &self.expiry);
        self.percentiles.forget(&ended);
        self.percentile_bytes = self.percentiles.memory_bytes();
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
        let memory_bytes = store.memory_bytes() + self.percentile_bytes;
        now(&counts.memory_bytes, memory_bytes);
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
            received: ReceivedOptions {
                strategy: Strategy::default(),
                scope_labels: true,
            },
            derived: DerivedOptions {
                strategy: Strategy::default(),
                spans: None,
                graph: None,
                logs: false,
            },
            percentiles: PercentileOptions {
                window_ms: 60_000,
                sub_windows: 5,
                max_tracked: 10,
            },
            classic_names: true,
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
        let mut state = SeriesState::new(options(dir.path()), Arc::new(DiskStorage)).unwrap();
        count(&mut state, 1, at(100));
        state.prepare(at(100));
        for (s, left) in [(130, 1), (131, 0)] {
            state.sweep(at(s));
            assert_eq!(values(&mut state).len(), left, "{s}");
        }
        assert_eq!(state.counts.expired.load(Ordering::Relaxed), 1);
        state.close(at(131));
        drop(state);
        let mut again = SeriesState::new(options(dir.path()), Arc::new(DiskStorage)).unwrap();
        again.restore(at(100));
        assert!(values(&mut again).is_empty());
    }
}
