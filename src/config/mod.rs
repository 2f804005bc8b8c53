//! The configuration: every knob, its unit, its limit, and where its value came from.
//!
//! Defaults, then a file, then the environment. Every error is reported at once, each with its key, its source and
//! the fix. Settings that [`load`] returns are valid: limits checked, secrets resolved, files found.
//!
//! One declaration (`section!`) gives a section its struct, defaults, limits, reader and part of the default file.

mod default_file;
mod endpoint;
mod environment;
mod file;
mod key;
mod load;
mod node;
mod origin;
mod probe_kind;
mod probe_url;
mod problem;
mod report;
mod scalars;
mod secret;
mod section;
mod setting;
mod settings;
mod source_file;
mod status_range;
mod suggest;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod units;
mod validate;
mod variables;
mod window;

pub use default_file::default_file;
pub use endpoint::Endpoint;
pub use environment::Environment;
pub use load::{Loaded, Sources, load};
pub use origin::Origin;
pub use probe_kind::ProbeKind;
pub use probe_url::ProbeUrl;
pub use problem::{ConfigError, ConfigErrors, ConfigWarning};
pub use report::check_config;
pub use secret::Secret;
pub use settings::*;
pub use status_range::StatusRange;
pub(crate) use suggest::nearest;
pub use units::ByteSize;
pub(crate) use validate::FRAMING_HEADERS;
pub use window::{Weekday, WindowEdge};
