//! Metrics as senders push them, into the store.
//!
//! What becomes of each kind follows the specification's page "Prometheus and OpenMetrics Compatibility";
//! what becomes of points that come late, twice, or from clocks that are wrong is said in `time.rs` and
//! `delta.rs`. Whatever is not taken is counted under its [`Fault`](crate::series::store::Fault), and never keeps others from being
//! taken.
//!
//! A metric is looked up once for all its points, and each point by a fingerprint over the bytes of its
//! attributes: a point of a known series allocates nothing, exponential histograms and exemplars apart.

mod bounds;
mod count;
mod delta;
mod exemplar;
mod exponential;
mod find;
mod gaps;
mod histogram;
mod labels;
mod metric;
mod middle;
mod note;
mod number;
mod scale;
mod summary;
mod taking;
#[cfg(test)]
mod tests;
mod time;

use crate::otlp::view;
use crate::series::naming::Strategy;
use crate::series::store::{Moment, PlaceId, SeriesId, Store};
use crate::series::targets::Targets;

use bounds::BoundsPool;
use count::{earliest_start, points_of_group};
use find::Refusals;
use gaps::GapTable;
use metric::Routes;
use taking::Taking;

/// How received metrics are shown.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedOptions {
    /// How names are translated.
    pub strategy: Strategy,
    /// Whether series carry the labels of their instrumentation scope.
    pub scope_labels: bool,
}

/// Takes requests of metrics into the store.
#[derive(Debug)]
pub struct Received {
    options: ReceivedOptions,
    routes: Routes,
    refusals: Refusals,
    bounds: BoundsPool,
    gaps: GapTable,
    /// Buckets of the point being read.
    scratch: Scratch,
    /// The store's epoch that routes and refusals belong to.
    epoch: u64,
}

/// Room for the lists of one point, kept so that reading allocates nothing.
#[derive(Debug, Default)]
struct Scratch {
    counts: Vec<u64>,
    bounds: Vec<f64>,
    quantiles: Vec<(f64, f64)>,
}

impl Received {
    /// Nothing known yet.
    pub fn new(options: ReceivedOptions) -> Received {
        Received {
            options,
            routes: Routes::new(options.strategy),
            refusals: Refusals::default(),
            bounds: BoundsPool::default(),
            gaps: GapTable::default(),
            scratch: Scratch::default(),
            epoch: 0,
        }
    }

    /// Takes an `ExportMetricsServiceRequest` that [`inspect`](crate::otlp::inspect) has accepted.
    ///
    /// `observe` is told what histograms have counted since their last point: the series, a value within a
    /// bucket (its middle, see `middle.rs`), and how many measurements. The first point of a series that its sender
    /// accumulates tells nothing, since what it counts may be hours old.
    pub fn take(
        &mut self,
        store: &mut Store,
        targets: &mut Targets,
        mut observe: impl FnMut(SeriesId, f64, u64),
        message: &[u8],
        now: Moment,
    ) {
        for group in view::groups(message) {
            let started = || earliest_start(&group);
            let target = match targets.of_metrics(store, group.resource_attributes(), started, now)
            {
                Ok(target) => target,
                Err(fault) => {
                    store.count_fault(fault, points_of_group(&group));
                    continue;
                }
            };
            for scope_group in group.scopes() {
                let scope = scope_group.scope();
                let place = targets.place(store, target, Some(&scope));
                let hidden_scope = if self.options.scope_labels {
                    &[]
                } else {
                    scope.name
                };
                let taking = self.taking(store, place, hidden_scope, &mut observe, now);
                let latest_unix_nano = taking.take(&scope_group);
                targets.heard(target, latest_unix_nano);
            }
        }
    }

    fn taking<'a, O: FnMut(SeriesId, f64, u64)>(
        &'a mut self,
        store: &'a mut Store,
        place: PlaceId,
        hidden_scope: &'a [u8],
        observe: O,
        now: Moment,
    ) -> Taking<'a, O> {
        if self.epoch != store.epoch() {
            self.epoch = store.epoch();
            self.routes.clear();
            self.refusals.clear();
            self.gaps.sweep(store);
            self.bounds.sweep(store);
        }
        let labels = store.key().of(store.places().text(place).as_bytes());
        Taking {
            sender: labels.then(store.key().of(hidden_scope)),
            state: self,
            store,
            place,
            hidden_scope,
            now,
            latest_unix_nano: 0,
            observe,
        }
    }
}
