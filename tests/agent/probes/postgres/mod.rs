//! PostgreSQL, in every way in which it can be wrong.

mod failures;
mod queries;
mod replicas;
mod state;
mod tls;

use serde_json::Value;

use super::Watched;
use super::servers::Postgres;

/// An agent that watches the server at `url`, with further settings of the probe.
async fn watch(url: &str, settings: &[(&str, Value)]) -> Watched {
    let mut all = vec![("url", Value::from(url))];
    all.extend_from_slice(settings);
    Watched::start(&all).await
}
