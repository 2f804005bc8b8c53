//! How a resource names the target that its metrics come from.

use std::borrow::Cow;

/// The name of the info metric that shows a resource's attributes; with its suffix it is `target_info`.
pub const TARGET: &str = "target";
/// The label that says what a target runs.
pub const JOB: &str = "job";
/// The label that tells a job's targets apart: `service.instance.id`, or empty.
pub const INSTANCE: &str = "instance";

/// The `job` of a resource with these `service.namespace` and `service.name`, empty where absent.
///
/// "the `service.name` and `service.namespace` attributes MUST be combined as
/// `<service.namespace>/<service.name>`, or `<service.name>` if namespace is empty". A namespace alone names no
/// job; the specification does not say so, but the translation in Prometheus does it.
pub fn job<'a>(namespace: &str, name: &'a str) -> Cow<'a, str> {
    match namespace.is_empty() || name.is_empty() {
        true => Cow::Borrowed(name),
        false => format!("{namespace}/{name}").into(),
    }
}

/// Whether the resource attribute `key` is shown as [`JOB`] or [`INSTANCE`]; the others are labels of [`TARGET`].
///
/// "Other resource attributes SHOULD be converted to a target info metric."
pub fn identifies_target(key: &str) -> bool {
    matches!(
        key,
        "service.namespace" | "service.name" | "service.instance.id"
    )
}
