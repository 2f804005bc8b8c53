//! Which family a metric's points go to.
//!
//! The first metric to need a name keeps it while its family has series. Another that needs it, or the
//! name of one of its samples, with another type is not shown; one with another unit or description is shown
//! under those of the first ("Exporters MUST drop entire metrics to prevent conflicting TYPE comments, but
//! SHOULD NOT drop metric points as a result of conflicting UNIT or HELP comments").

use hashbrown::HashTable;

use crate::otlp::view::{self, AnyValue, Metric, MetricData, Temporality};
use crate::series::naming::{MetricKind, Strategy, metric_name, unit_word};
use crate::series::store::{
    ConflictKey, FamilyId, FamilySpec, Fault, Fingerprint, FingerprintKey, Lineage, Moment,
    PlaceId, Store,
};

use super::note::{contradicts, help, note_help, note_type, note_unit};

/// Metrics with longer names are not shown.
const MAX_NAME_BYTES: usize = 1024;

/// Longer units are left out.
const MAX_UNIT_BYTES: usize = 64;

/// How many metrics are remembered with their families.
const MAX_ROUTES: usize = 65_536;

/// The metadata key that says which Prometheus type a gauge or a sum stands for.
const TYPE_HINT: &[u8] = b"prometheus.type";

/// A metric as its series know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream<'a> {
    pub(super) name: &'a [u8],
    pub(super) unit: &'a [u8],
    pub(super) kind: MetricKind,
    pub(super) lineage: Lineage,
    /// Name, unit and kind.
    pub(super) fingerprint: Fingerprint,
}

/// Where a metric's points go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    /// Into a family.
    Family(FamilyId),
    /// Nowhere.
    Refused(Fault),
}

#[derive(Debug)]
struct Known {
    fingerprint: Fingerprint,
    route: Route,
    /// The first description seen; none, if it contradicts the family's.
    description: Fingerprint,
    /// What it contradicts, if anything.
    conflict: Option<ConflictKey>,
}

/// The families of known metrics.
#[derive(Debug)]
pub(super) struct Routes {
    strategy: Strategy,
    known: HashTable<Known>,
}

impl<'a> Stream<'a> {
    /// Reads what a metric is.
    ///
    /// # Errors
    /// [`Fault::Temporality`] for sums and histograms that name none.
    #[inline]
    pub(super) fn read(metric: &Metric<'a>, key: FingerprintKey) -> Result<Stream<'a>, Fault> {
        let (kind, temporality) = match &metric.data {
            MetricData::None => return Err(Fault::NoValue),
            MetricData::Gauge(_) => (hinted_kind(metric), Temporality::Cumulative),
            MetricData::Sum {
                monotonic: false,
                temporality,
                ..
            } => (hinted_kind(metric), *temporality),
            MetricData::Sum { temporality, .. } => (MetricKind::Counter, *temporality),
            MetricData::Histogram { temporality, .. }
            | MetricData::ExponentialHistogram { temporality, .. } => {
                (MetricKind::Histogram, *temporality)
            }
            MetricData::Summary(_) => (MetricKind::Summary, Temporality::Cumulative),
        };
        let lineage = match temporality {
            Temporality::Unspecified => return Err(Fault::Temporality),
            Temporality::Cumulative => Lineage::Received,
            Temporality::Delta => Lineage::Converted,
        };
        let unit = unit(metric);
        let named = key.of(metric.name).then(key.of(unit));
        Ok(Stream {
            name: metric.name,
            unit,
            kind,
            lineage,
            fingerprint: named.then_number(kind as u64),
        })
    }
}

/// The metric's unit. A sum in units of 1 is a number of things, not a ratio.
fn unit<'a>(metric: &Metric<'a>) -> &'a [u8] {
    match metric.data {
        MetricData::Sum { .. } if metric.unit == b"1" => &[],
        _ => metric.unit,
    }
}

/// The type of a gauge or a sum that is not monotonic ("An OpenTelemetry Gauge MUST be converted following a hint
/// present in metric.metadata"). The specification's page spells `unknown` as `unkown` too.
fn hinted_kind(metric: &Metric<'_>) -> MetricKind {
    let hint = metric
        .metadata
        .clone()
        .find(|attribute| attribute.key() == TYPE_HINT);
    match hint.map(|attribute| attribute.value()) {
        Some(AnyValue::Str(b"unknown" | b"unkown")) => MetricKind::Unknown,
        Some(AnyValue::Str(b"info")) => MetricKind::Info,
        Some(AnyValue::Str(b"stateset")) => MetricKind::StateSet,
        _ => MetricKind::Gauge,
    }
}

impl Routes {
    pub(super) fn new(strategy: Strategy) -> Routes {
        Routes {
            strategy,
            known: HashTable::new(),
        }
    }

    /// Forgets all of them, because families went.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// Where the `points` points of a metric go.
    pub(super) fn route(
        &mut self,
        store: &mut Store,
        stream: &Stream<'_>,
        description: &[u8],
        place: PlaceId,
        points: impl Fn() -> u64,
        now: Moment,
    ) -> Route {
        let described = store.key().of(description);
        let hash = stream.fingerprint.short();
        let same = |known: &Known| known.fingerprint == stream.fingerprint;
        if self.known.find(hash, same).is_none() {
            let known = self.find_family(store, stream, description, place, now);
            self.remember(known);
        }
        let Some(known) = self.known.find(hash, same) else {
            return Route::Refused(Fault::UnusableName);
        };
        if let Some(conflict) = known.conflict {
            store
                .conflicts()
                .note_again(conflict, points(), now.seconds());
        }
        if let Route::Family(family) = known.route
            && known.description != described
        {
            note_help(store, family, description, points(), now);
        }
        known.route
    }

    fn remember(&mut self, known: Known) {
        if self.known.len() >= MAX_ROUTES {
            self.known.clear();
        }
        let hash = |known: &Known| known.fingerprint.short();
        self.known.insert_unique(hash(&known), known, hash);
    }

    fn find_family(
        &self,
        store: &mut Store,
        stream: &Stream<'_>,
        description: &[u8],
        place: PlaceId,
        now: Moment,
    ) -> Known {
        let mut known = Known {
            fingerprint: stream.fingerprint,
            route: Route::Refused(Fault::UnusableName),
            description: store.key().of(description),
            conflict: None,
        };
        let unit = view::text(if stream.unit.len() > MAX_UNIT_BYTES {
            &[]
        } else {
            stream.unit
        });
        let Some(name) = self.usable_name(stream, &unit) else {
            return known;
        };
        let unit = if stream.kind.has_unit() {
            unit_word(&unit)
        } else {
            String::new()
        };
        let help = help(description);
        let spec = FamilySpec {
            name: &name,
            kind: stream.kind,
            unit: &unit,
            help: &help,
        };
        if store.is_full(stream.lineage) && !store.holds(&spec) {
            known.route = Route::Refused(Fault::SeriesLimit);
            return known;
        }
        match store.family(&spec) {
            Err(taken) => {
                known.route = Route::Refused(Fault::TypeConflict);
                known.conflict = Some(note_type(store, &spec, &taken, place, now));
            }
            Ok(family) => {
                known.route = Route::Family(family);
                known.conflict = note_unit(store, family, &spec, now);
                if contradicts(store, family, &help) {
                    known.description = Fingerprint::default();
                }
            }
        }
        known
    }

    fn usable_name(&self, stream: &Stream<'_>, unit: &str) -> Option<String> {
        if stream.name.len() > MAX_NAME_BYTES {
            return None;
        }
        metric_name(self.strategy, &view::text(stream.name), unit, stream.kind).ok()
    }
}
