//! Attributes as the labels of a series, and as its identity.

use crate::otlp::view::{self, AnyValue, Attribute, Attributes};
use crate::series::naming::{
    LabelPair, MetricKind, Strategy, merge_labels, unescape_label_text, write_labels,
};
use crate::series::store::{Fingerprint, FingerprintKey};

/// The own labels of a series.
#[derive(Debug)]
pub(super) struct Labels {
    /// As `name="value",…`, sorted by name.
    pub(super) text: Box<str>,
    /// Whether they hold those of the place too, because an attribute takes the name of one of those.
    pub(super) hold_the_place: bool,
}

/// Translates attributes into the labels of a series of `kind` at a place with the labels `place`.
///
/// Attributes whose names are labels of the place, such as `job`, are joined with these as the specification
/// has it for keys that become one.
pub(super) fn labels(
    strategy: Strategy,
    kind: MetricKind,
    attributes: Attributes<'_>,
    place: &str,
) -> Labels {
    let mut pairs: Vec<LabelPair<'_>> = attributes.clone().map(attribute_pair).collect();
    merge_labels(strategy, kind, &mut pairs);
    let is_own = |name: &str| pairs.iter().any(|(own, _)| own == name);
    let hold_the_place = unescape_label_text(place).any(|(name, _)| is_own(&name));
    if hold_the_place {
        pairs = with_place(strategy, kind, attributes, place);
    }
    let mut text = String::new();
    write_labels(&mut text, &pairs);
    Labels {
        text: text.into(),
        hold_the_place,
    }
}

/// The attributes and the place's labels as one set. Empty labels of the place stay: see
/// [`Targets`](crate::series::targets::Targets) for what an empty instance means.
fn with_place<'a>(
    strategy: Strategy,
    kind: MetricKind,
    attributes: Attributes<'a>,
    place: &'a str,
) -> Vec<LabelPair<'a>> {
    let of_place = unescape_label_text(place);
    let (empty, given): (Vec<_>, Vec<_>) = of_place.partition(|(_, value)| value.is_empty());
    let mut pairs: Vec<_> = attributes.map(attribute_pair).chain(given).collect();
    merge_labels(strategy, kind, &mut pairs);
    for label in empty {
        if let Err(place) = pairs.binary_search_by(|(name, _)| name.cmp(&label.0)) {
            pairs.insert(place, label);
        }
    }
    pairs
}

/// The key and the value of an attribute as text.
pub(super) fn attribute_pair(attribute: Attribute<'_>) -> LabelPair<'_> {
    (view::text(attribute.key()), attribute.value().text())
}

/// 64 bits over a stream as its sender names it, the same in every process and for every spelling of it in
/// protobuf: what tells streams apart whose labels are translated alike.
pub(super) fn identity(stream: &[&[u8]], attributes: Attributes<'_>) -> u64 {
    let key = FingerprintKey::stable();
    let stream = stream
        .iter()
        .fold(Fingerprint::default(), |all, part| all.then(key.of(part)));
    let members = attributes.map(|attribute| {
        let (name, value) = attribute_pair(attribute);
        let written = key.of(name.as_bytes()).then(key.of(value.as_bytes()));
        written.then_number(type_number(attribute.value()))
    });
    stream
        .then(members.fold(Fingerprint::default(), Fingerprint::with_member))
        .short()
}

/// Tells `1` from `"1"`.
const fn type_number(value: AnyValue<'_>) -> u64 {
    match value {
        AnyValue::Empty => 0,
        AnyValue::Str(_) => 1,
        AnyValue::Bool(_) => 2,
        AnyValue::Int(_) => 3,
        AnyValue::Double(_) => 4,
        AnyValue::Bytes(_) => 5,
        AnyValue::Array(_) => 6,
        AnyValue::Map(_) => 7,
    }
}
