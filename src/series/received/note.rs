//! Metrics that contradict each other, in words: for `/api/conflicts`, and once each for the log.

use crate::otlp::view;
use crate::series::naming::{JOB, TextFormat, unescape_label_text};
use crate::series::store::{
    ConflictKey, ConflictKind, Content, FamilyId, FamilySpec, Moment, NameTaken, PlaceId, Store,
};

/// Longer descriptions are cut off.
const MAX_HELP_BYTES: usize = 1024;

/// The description, cut off where it is too long.
pub(super) fn help(description: &[u8]) -> String {
    let mut help = view::text(description).into_owned();
    help.truncate(help.floor_char_boundary(MAX_HELP_BYTES));
    help
}

/// Notes a metric whose name or sample's name is held by one of another type.
pub(super) fn note_type(
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

/// Notes a metric that comes in another unit than its family's, if it does.
pub(super) fn note_unit(
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

/// Whether a description contradicts that of the family; none contradicts nothing.
pub(super) fn contradicts(store: &Store, family: FamilyId, help: &str) -> bool {
    let held = store.get_family(family).map_or("", |family| &family.help);
    !held.is_empty() && !help.is_empty() && held != help
}

/// Notes a description that contradicts the family's, over `points`.
pub(super) fn note_help(
    store: &mut Store,
    family: FamilyId,
    description: &[u8],
    points: u64,
    now: Moment,
) {
    let refused = help(description);
    if !contradicts(store, family, &refused) {
        return;
    }
    let Some(family) = store.get_family(family) else {
        return;
    };
    let (name, kept) = (family.name.clone(), family.help.clone());
    let sides = (&*kept, &*refused);
    let conflicts = store.conflicts();
    if conflicts.note(ConflictKind::Help, &name, sides, points, now.seconds()) {
        tracing::warn!(
            metric = &*name,
            "a metric has two descriptions: {kept:?} is shown, {refused:?} is not; give it one"
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
