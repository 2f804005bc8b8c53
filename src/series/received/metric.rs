//! Which family a metric's points go to.
//!
//! The first metric to need a name keeps it while its family has series. Another that needs it, or the
//! name of one of its samples, with another type is not shown; one with another unit or description is shown
//! under those of the first ("Exporters MUST drop entire metrics to prevent conflicting TYPE comments, but
//! SHOULD NOT drop metric points as a result of conflicting UNIT or HELP comments").

use hashbrown::HashTable;

use crate::otlp::view::{self, AnyValue, Metric, MetricData, Temporality};
use crate::series::naming::{
    JOB, MetricKind, Strategy, TextFormat, metric_name, unescape_label_text, unit_word,
};
use crate::series::store::{
    ConflictKey, ConflictKind, Content, FamilyId, FamilySpec, Fault, Fingerprint, FingerprintKey,
    Lineage, Moment, NameTaken, PlaceId, Store,
};

/// Metrics with longer names are not shown.
const MAX_NAME_BYTES: usize = 1024;

/// Longer units are left out.
const MAX_UNIT_BYTES: usize = 64;

/// Longer descriptions are cut off.
const MAX_HELP_BYTES: usize = 1024;

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
    Refused(Fault, Option<ConflictKey>),
}

#[derive(Debug)]
struct Known {
    fingerprint: Fingerprint,
    route: Route,
    /// The description that does not contradict the family's.
    description: Fingerprint,
    unit_conflict: Option<ConflictKey>,
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
        let named = key.of(metric.name).then(key.of(metric.unit));
        Ok(Stream {
            name: metric.name,
            unit: metric.unit,
            kind,
            lineage,
            fingerprint: named.then_number(kind as u64),
        })
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
        let hash = stream.fingerprint.short();
        let described = store.key().of(description);
        let same = |known: &Known| known.fingerprint == stream.fingerprint;
        let Some(known) = self.known.find(hash, same) else {
            let known = self.find_family(store, stream, description, place, now);
            return self.remember(known);
        };
        let conflict = match known.route {
            Route::Refused(_, conflict) => conflict,
            Route::Family(_) => known.unit_conflict,
        };
        if let Some(conflict) = conflict {
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

    fn remember(&mut self, known: Known) -> Route {
        if self.known.len() >= MAX_ROUTES {
            self.known.clear();
        }
        let (hash, route) = (known.fingerprint.short(), known.route);
        self.known
            .insert_unique(hash, known, |known| known.fingerprint.short());
        route
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
            route: Route::Refused(Fault::UnusableName, None),
            description: store.key().of(description),
            unit_conflict: None,
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
            known.route = Route::Refused(Fault::SeriesLimit, None);
            return known;
        }
        match store.family(&spec) {
            Err(taken) => {
                let conflict = note_type(store, &spec, &taken, place, now);
                known.route = Route::Refused(Fault::TypeConflict, Some(conflict));
            }
            Ok(family) => {
                known.unit_conflict = note_unit(store, family, &spec, now);
                note_help(store, family, description, 0, now);
                known.route = Route::Family(family);
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

/// The description, cut off where it is too long.
fn help(description: &[u8]) -> String {
    let mut help = view::text(description).into_owned();
    help.truncate(help.floor_char_boundary(MAX_HELP_BYTES));
    help
}

fn note_type(
    store: &mut Store,
    spec: &FamilySpec<'_>,
    taken: &NameTaken,
    place: PlaceId,
    now: Moment,
) -> ConflictKey {
    let holder = store.get_family(taken.holder);
    let kept = holder.map_or_else(String::new, |holder| {
        let kind = holder.kind.word(TextFormat::OpenMetrics);
        format!(
            "{kind} {} of {}",
            holder.name,
            job_of_family(store, taken.holder)
        )
    });
    let job = job_of_place(store, place);
    let kind = spec.kind.word(TextFormat::OpenMetrics);
    let refused = format!(
        "{kind} {} of {job}, which needs the name {}",
        spec.name, taken.name
    );
    if store.conflicts().note(
        ConflictKind::Type,
        spec.name,
        (&kept, &refused),
        0,
        now.seconds(),
    ) {
        tracing::warn!(
            metric = spec.name,
            "two metrics need one name with different types: {kept} is shown, {refused}, is not; rename one of them"
        );
    }
    store
        .conflicts()
        .key(ConflictKind::Type, spec.name, &refused)
}

fn note_unit(
    store: &mut Store,
    family: FamilyId,
    spec: &FamilySpec<'_>,
    now: Moment,
) -> Option<ConflictKey> {
    let held = &store.get_family(family)?.unit;
    if **held == *spec.unit {
        return None;
    }
    let (kept, refused) = (in_words(held), in_words(spec.unit));
    if store.conflicts().note(
        ConflictKind::Unit,
        spec.name,
        (&kept, &refused),
        0,
        now.seconds(),
    ) {
        tracing::warn!(
            metric = spec.name,
            "a metric comes in two units: its points are shown as {kept}, those in {refused} too; give it one unit"
        );
    }
    Some(
        store
            .conflicts()
            .key(ConflictKind::Unit, spec.name, &refused),
    )
}

fn in_words(unit: &str) -> String {
    match unit {
        "" => "no unit".to_owned(),
        unit => format!("unit {unit}"),
    }
}

fn note_help(store: &mut Store, family: FamilyId, description: &[u8], points: u64, now: Moment) {
    let (refused, Some(family)) = (help(description), store.get_family(family)) else {
        return;
    };
    if *family.help == *refused || refused.is_empty() || family.help.is_empty() {
        return;
    }
    let (name, kept) = (family.name.clone(), family.help.clone());
    if store.conflicts().note(
        ConflictKind::Help,
        &name,
        (&kept, &refused),
        points,
        now.seconds(),
    ) {
        tracing::warn!(
            metric = &*name,
            "a metric has two descriptions: {kept:?} is shown, {refused:?} is not"
        );
    }
}

/// The job whose series a family shows first, in words.
fn job_of_family(store: &Store, family: FamilyId) -> String {
    let first = store
        .get_family(family)
        .and_then(|family| match &family.content {
            Content::Own(series) => series.first().copied(),
            Content::View(view) => view.members.first().map(|member| member.series),
        });
    match first.and_then(|first| store.get(first)?.place) {
        Some(place) => job_of_place(store, place),
        None => "this agent or an unknown job".to_owned(),
    }
}

/// The job that stands at a place, in words.
pub(super) fn job_of_place(store: &Store, place: PlaceId) -> String {
    let mut labels = unescape_label_text(store.places().text(place));
    match labels.find(|(name, _)| name == JOB) {
        Some((_, job)) => format!("job {job:?}"),
        None => "a sender without service.name".to_owned(),
    }
}
