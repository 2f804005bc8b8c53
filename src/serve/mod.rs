//! The HTTP face: what people, probes and Prometheus ask the agent.
//!
//! One table names every endpoint; the routes, the index and the error texts are made from it.
//! Every answer carries `X-Request-ID` and `Cache-Control: no-store`.

mod answer;
mod fault;
mod health;
mod identity;
mod index;
mod routes;
mod system;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

use crate::telemetry::{Instruments, Tracer};

pub use routes::routes;

/// Where the agent stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sockets are bound, recovery is not done.
    Starting,
    /// Everything runs.
    Running,
    /// The end has been asked for; what is under way is finished.
    Draining,
}

/// How a check stands, in the words of the health-check draft and the reference documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// As it should be.
    Pass,
    /// Works, but somebody should look.
    Warn,
    /// Does not work.
    Fail,
}

/// The result of a check that `/api/health?include=` can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it stands.
    pub status: CheckStatus,
    /// One plain sentence.
    pub message: String,
}

/// A question that the face passes on to another room. It must not block.
pub type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// All that the HTTP face knows of the agent.
#[derive(Clone)]
pub struct Face {
    /// The name in `/` and `/health`, usually `lineside`.
    pub service: String,
    /// What this agent has switched on, as `/api/health` lists it.
    pub features: Vec<String>,
    /// Where the agent stands.
    pub phase: Ask<Phase>,
    /// Plain sentences that say why the agent is not ready; empty when it is.
    pub ready: Ask<Vec<String>>,
    /// The ledger as `/api/ledger` shows it.
    pub ledger: Ask<serde_json::Value>,
    /// Own metrics as Prometheus text 0.0.4. The only question that may block.
    pub scrape: Ask<String>,
    /// Checks by the name that `include=` uses.
    pub checks: Vec<(String, Ask<Check>)>,
    /// The agent's own instruments.
    pub instruments: Arc<Instruments>,
    /// The tracer of own spans.
    pub tracer: Tracer,
}

impl Face {
    /// Why the agent is not ready now; empty when it is.
    ///
    /// The phase comes first, so that readiness fails as soon as the end is asked for.
    fn reasons(&self) -> Vec<String> {
        match (self.phase)() {
            Phase::Starting => vec!["the agent is starting".to_owned()],
            Phase::Draining => vec!["the agent is shutting down".to_owned()],
            Phase::Running => (self.ready)(),
        }
    }
}
