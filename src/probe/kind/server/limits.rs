//! What is still as it should be at a database server.

use std::time::Duration;

use crate::config::ProbeSettings;

/// Beyond these, a run warns.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe::kind) struct Limits {
    /// The share of a server's connections that may be in use, from 0 to 1.
    pub(in crate::probe::kind) connections: f64,
    /// How far a replica may be behind.
    pub(in crate::probe::kind) lag: Duration,
    /// How long a transaction may be open.
    pub(in crate::probe::kind) transaction: Duration,
    /// How much clocks may differ.
    pub(in crate::probe::kind) skew: Duration,
}

impl Limits {
    /// As configured.
    pub(in crate::probe::kind) fn of(settings: &ProbeSettings) -> Limits {
        Limits {
            connections: settings.connections_warn,
            lag: settings.lag_warn,
            transaction: settings.transaction_warn,
            skew: settings.skew_warn,
        }
    }
}
