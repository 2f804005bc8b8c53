//! How OpenTelemetry's names become Prometheus' names, and how they stand in a text.
//!
//! Names follow the specification's page "Prometheus and OpenMetrics Compatibility" (*the specification*
//! in this room's comments), in four [`Strategy`]s. Where Prometheus' own translator, otlptranslator,
//! differs, the text of the specification counts; where the text is silent, the translator does. Each
//! such place says so. What a scrape then asks for by its `escaping` parameter is [`Escaping`].
//!
//! Pure functions: no state, no I/O.

mod escaping;
mod kind;
mod label;
mod legacy;
mod metric;
mod parse;
mod strategy;
mod target;
mod text;
mod unit;

#[cfg(test)]
mod tests;

pub use escaping::{Escaping, escape_label_name, escape_labels, escape_metric_name};
pub use kind::{MetricKind, TextFormat};
pub use label::{
    LabelPair, SCOPE_NAME, SCOPE_SCHEMA_URL, SCOPE_VERSION, label_name, merge_labels,
    scope_attribute,
};
pub use legacy::{is_legacy_label_name, is_legacy_metric_name};
pub use metric::{NameError, metric_name};
pub use parse::{
    LabelTexts, RawLabel, RawLabels, put_unescaped, raw_labels, unescape, unescape_label_text,
};
pub use strategy::Strategy;
pub use target::{INSTANCE, JOB, TARGET, identifies_target, job};
pub use text::{
    append_label, write_help, write_label, write_labels, write_metric_name, write_series,
};
pub use unit::{unit_is_suffix, unit_word};
