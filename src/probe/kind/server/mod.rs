//! What a probe says of every database server in the same words, whatever its make: names of numbers, connections by
//! application, the server's clock.

mod clock;
mod connections;
mod limits;

use std::time::Duration;

use crate::probe::metric::Metric;

pub(super) use clock::Clock;
pub(super) use connections::{ConnectionState, Connections};
pub(super) use limits::Limits;

pub(super) const CONNECTIONS: &str = "db.server.connections";
pub(super) const CONNECTIONS_MAX: &str = "db.server.connections.max";
pub(super) const CONNECTIONS_USED: &str = "db.server.connections.used";
pub(super) const CLOCK_SKEW: &str = "db.server.clock.skew";
pub(super) const TRANSACTION_LONGEST: &str = "db.server.transaction.longest";
pub(super) const REPLICATION_LAG: &str = "db.server.replication.lag";
pub(super) const UPTIME: &str = "db.server.uptime";

/// The numbers of a database server; no kind measures all of them always.
pub(super) fn metrics() -> Vec<Metric> {
    vec![
        Metric::gauge(
            CONNECTIONS,
            "{connection}",
            "Connections of clients, by application and state.",
        ),
        Metric::gauge(
            CONNECTIONS_MAX,
            "{connection}",
            "Connections that the server gives to ordinary users.",
        ),
        Metric::gauge(
            CONNECTIONS_USED,
            "{connection}",
            "Connections of clients that are open.",
        ),
        Metric::gauge(
            CLOCK_SKEW,
            "s",
            "How far the server's clock is ahead of this machine's.",
        ),
        Metric::gauge(
            TRANSACTION_LONGEST,
            "s",
            "Age of the oldest transaction that is open.",
        ),
        Metric::gauge(
            REPLICATION_LAG,
            "s",
            "How far a replica is behind; the replica \"self\" is the server that is checked.",
        ),
        Metric::gauge(UPTIME, "s", "Time since the server started."),
    ]
}

/// Seconds in words, as `7m 3s`, to the millisecond below ten of them.
pub(super) fn span_in_words(seconds: f64) -> String {
    let exact = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let rounded = match exact.as_secs() {
        0..10 => Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX)),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: spans of every size, and nonsense. Guarantees: they read well.
    #[test]
    fn spans_read_well() {
        let cases = [
            (0.0, "0s"),
            (1.2345, "1s 234ms"),
            (9.9999, "9s 999ms"),
            (423.7, "7m 3s"),
            (-1.0, "0s"),
        ];
        for (seconds, words) in cases {
            assert_eq!(span_in_words(seconds), words);
        }
        assert!(!span_in_words(f64::INFINITY).is_empty());
    }
}
