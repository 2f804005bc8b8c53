//! Names of labels, and attributes as labels.

use std::borrow::Cow;

use super::kind::MetricKind;
use super::legacy::{is_blank, is_label_byte, starts_with_digit, underscored};
use super::strategy::Strategy;

/// The label for the name of the instrumentation scope.
pub const SCOPE_NAME: &str = "otel_scope_name";
/// The label for the version of the instrumentation scope.
pub const SCOPE_VERSION: &str = "otel_scope_version";
/// The label for the schema URL of the instrumentation scope.
pub const SCOPE_SCHEMA_URL: &str = "otel_scope_schema_url";

const SCOPE_PREFIX: &str = "otel_scope_";

/// A key and its value: an attribute's at first, a label's once translated.
pub type LabelPair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The label name for the attribute `key`; `None` where nothing but underscores is left of it.
///
/// Borrowed if and only if the key is the name. Names never begin with two underscores, which Prometheus
/// keeps for itself (`__name__`): one is left of them, in every strategy, so that the value is still shown.
/// The specification asks for this where names are escaped; the translator keeps `__x__` as it is.
///
/// A leading digit gets `key_`; the specification is silent here, and this is the translator's way.
pub fn label_name(strategy: Strategy, key: &str) -> Option<Cow<'_, str>> {
    let name = match strategy.escapes() {
        true => legacy_name(key),
        false => unreserved(key),
    };
    Some(name).filter(|name| !is_blank(name))
}

fn legacy_name(key: &str) -> Cow<'_, str> {
    let name = underscored(key, is_label_byte);
    match starts_with_digit(&name) {
        true => format!("key_{name}").into(),
        false => name,
    }
}

fn unreserved(key: &str) -> Cow<'_, str> {
    match key.starts_with("__") {
        true => format!("_{}", key.trim_start_matches('_')).into(),
        false => Cow::Borrowed(key),
    }
}

/// The key of a scope's attribute among those of its points; `None` for one that is not shown.
///
/// "Scope attributes that, after adding the `otel_scope_` prefix and applying the label-name conversion […],
/// would conflict with `otel_scope_name`, `otel_scope_version`, or `otel_scope_schema_url` MUST be dropped."
pub fn scope_attribute(strategy: Strategy, key: &str) -> Option<String> {
    let full = format!("{SCOPE_PREFIX}{key}");
    let taken = [SCOPE_NAME, SCOPE_VERSION, SCOPE_SCHEMA_URL];
    let is_taken = taken.contains(&label_name(strategy, &full)?.as_ref());
    Some(full).filter(|_| !is_taken)
}

/// Turns attributes into the labels of a family of `kind`: sorted by name, each name once, none empty.
///
/// "In such cases, the values MUST be concatenated together, separated by `;`, and ordered by the
/// lexicographical order of the original keys." Attributes of one and the same key come in the order of their
/// values, so that a series is the same in whatever order its attributes are sent. An attribute that would take the
/// place of `le` or `quantile` becomes `exported_le` or `exported_quantile`, which is how Prometheus calls
/// labels that must make room. A label without a value is to Prometheus the same as none.
///
/// Allocates nothing for keys that are their own label names, each once.
pub fn merge_labels(strategy: Strategy, kind: MetricKind, pairs: &mut Vec<LabelPair<'_>>) {
    let own_label = kind.own_label();
    merge(pairs, |key| match label_name(strategy, key)? {
        name if Some(name.as_ref()) == own_label => Some(format!("exported_{name}").into()),
        name => Some(name),
    });
}

/// Renames the keys and joins the values of those that become one. `rename` answers with a borrowed text if
/// the key stays.
pub(super) fn merge(pairs: &mut Vec<LabelPair<'_>>, rename: impl Fn(&str) -> Option<Cow<'_, str>>) {
    pairs.sort_unstable();
    let mut is_sorted = true;
    pairs.retain_mut(|(key, _)| {
        let renamed = match rename(key) {
            None => return false,
            Some(Cow::Borrowed(_)) => return true,
            Some(Cow::Owned(renamed)) => renamed,
        };
        *key = Cow::Owned(renamed);
        is_sorted = false;
        true
    });
    if !is_sorted {
        // Stable, so that equal names keep the order of their original keys.
        pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
    }
    pairs.dedup_by(join);
    pairs.retain(|(_, value)| !value.is_empty());
}

fn join(later: &mut LabelPair<'_>, earlier: &mut LabelPair<'_>) -> bool {
    let is_same = later.0 == earlier.0;
    if is_same {
        let value = earlier.1.to_mut();
        value.push(';');
        value.push_str(&later.1);
    }
    is_same
}
