//! The servers that probes check.

mod nginx;

pub use nginx::{Nginx, Site};
