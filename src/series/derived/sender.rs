//! Who sent a group of spans or log records.

use super::facts::MAX_DIMENSIONS;
use crate::otlp::view::{self, ResourceGroup};
use crate::series::store::{Fault, Fingerprint, Moment, PlaceId, Store};
use crate::series::targets::Targets;

/// What a service is called that does not say its name (semantic conventions, `service.name`).
const UNKNOWN: &str = "unknown_service";

/// The sender of a resource group.
#[derive(Debug)]
pub(super) struct Sender {
    /// `service.name`.
    pub service: Box<str>,
    /// The labels `job` and `instance`; `None` where there are too many senders.
    pub place: Option<PlaceId>,
    /// Why there is no place.
    pub fault: Option<Fault>,
    /// Tells it from others, wherever series are found by it.
    pub fingerprint: Fingerprint,
    /// What the resource says of the further dimensions; empty where nothing.
    pub dimensions: Vec<String>,
}

impl Sender {
    /// Reads the resource of `group`.
    pub fn of(
        group: &ResourceGroup<'_>,
        dimensions: &[Box<str>],
        store: &mut Store,
        targets: &mut Targets,
        now: Moment,
    ) -> Sender {
        let (place, fault) = match targets.of_spans(store, group.resource_attributes(), now) {
            Ok(target) => (Some(targets.place(store, target, None)), None),
            Err(fault) => (None, Some(fault)),
        };
        let service = service(group);
        let dimensions = resource_dimensions(group, dimensions);
        let text = place.map_or("", |place| store.places().text(place));
        let key = store.key();
        let begin = key.of(text.as_bytes()).then(key.of(service.as_bytes()));
        let each = dimensions.iter().map(|one| key.of(one.as_bytes()));
        Sender {
            service,
            place,
            fault,
            fingerprint: each.fold(begin, Fingerprint::then),
            dimensions,
        }
    }
}

fn service(group: &ResourceGroup<'_>) -> Box<str> {
    let mut name = String::new();
    for attribute in group.resource_attributes() {
        if attribute.key() == b"service.name" {
            name = attribute.value().text().into_owned();
        }
    }
    cut_label(&mut name);
    match name.is_empty() {
        true => UNKNOWN.into(),
        false => name.into(),
    }
}

fn resource_dimensions(group: &ResourceGroup<'_>, dimensions: &[Box<str>]) -> Vec<String> {
    if dimensions.is_empty() {
        return Vec::new();
    }
    let mut values = vec![String::new(); dimensions.len().min(MAX_DIMENSIONS)];
    for attribute in group.resource_attributes() {
        let key = view::text(attribute.key());
        let at = dimensions.iter().position(|one| **one == *key);
        if let Some(value) = at.and_then(|at| values.get_mut(at)) {
            *value = attribute.value().text().into_owned();
            cut_label(value);
        }
    }
    values
}

/// How long the value of a label may be that is not a span's name.
const MAX_LABEL_BYTES: usize = 256;

/// Cuts the value of a label.
pub(super) fn cut_label(value: &mut String) {
    value.truncate(value.floor_char_boundary(MAX_LABEL_BYTES));
}
