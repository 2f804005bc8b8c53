//! Redis, Valkey and Redis Sentinel.

mod clients;
mod clock;
mod connection;
mod info;
mod keys;
mod load;
mod numbers;
mod refusal;
mod replication;
mod resp;
mod server;
#[cfg(test)]
mod tests;

use crate::config::ProbeSettings;
use crate::probe::kind::Check;

/// A check of one Redis or Valkey server.
///
/// # Errors
///
/// Says what of the settings cannot be used.
pub(super) fn server(settings: &ProbeSettings) -> Result<Box<dyn Check>, String> {
    Ok(Box::new(server::Server::of(settings)?))
}
