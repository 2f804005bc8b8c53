//! The configuration: every knob, its unit, its limit, and where its value came from.
//!
//! Defaults, then a file, then the environment. Every error is reported at once, each with its key, its source and
//! the fix. A [`Settings`] that exists is valid: its limits were checked, its secrets resolved, its files found.

mod endpoint;
mod environment;
mod file;
mod key;
mod node;
mod origin;
mod problem;
mod secret;
mod section;
mod setting;
mod settings;
mod suggest;
mod units;

pub use endpoint::Endpoint;
pub use environment::Environment;
pub use origin::Origin;
pub use problem::{ConfigError, ConfigErrors, ConfigWarning};
pub use secret::Secret;
pub use settings::*;
pub use units::ByteSize;
