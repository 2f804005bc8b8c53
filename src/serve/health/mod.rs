//! Health, readiness, start and life.
//!
//! [`Situation`](verdict::Situation) judges in one place; each file beside it answers one endpoint in the words that its
//! document promised. "production-features": `/health` says `ok` or `unhealthy` with `uptime` in milliseconds.
//! "quick-reference" and "infrastructure": `/api/health` says `healthy` or `unhealthy` with `uptime` in seconds beside
//! `uptimeHuman`. "monitoring-system": `/health/performance` has its `timestamp` in milliseconds. All say `degraded` and
//! `starting` alike, and answer 503 while starting or unhealthy.

mod database;
mod diagnostics;
mod draft;
mod full;
mod group;
mod items;
mod performance;
mod ready;
mod selection;
mod short;
mod text;
mod verdict;

pub(super) use database::databases;
pub(super) use diagnostics::diagnostics;
pub(super) use full::full;
pub(super) use performance::performance;
pub(super) use ready::{live, ready, started};
pub use selection::BREAKERS;
pub(super) use selection::Selection;
pub(super) use short::short;

/// The version of the agent.
const VERSION: &str = env!("CARGO_PKG_VERSION");
