//! What the clients of the server do: their connections and their oldest transaction.

use std::time::Duration;

use crate::probe::kind::server::{
    ConnectionState, Connections, TRANSACTION_LONGEST, span_in_words,
};
use crate::probe::kind::sql::Table;
use crate::probe::run::Run;

/// The connections that `table` counts. PostgreSQL calls a connection active that waits for a lock of another one; only that
/// kind of waiting (`wait_event_type` Lock) is named here, as others are work: disk, network, latches.
pub(super) fn connections(table: &Table) -> Connections {
    let mut connections = Connections::default();
    for row in 0..table.rows.len() {
        let state = state(
            table.get(row, "state").unwrap_or_default(),
            table.get(row, "waiting") == Some("t"),
        );
        let count = table.count(row, "count").unwrap_or(0);
        connections.add(
            table.get(row, "application").unwrap_or_default(),
            state,
            count,
        );
    }
    connections
}

/// The state, from `pg_stat_activity.state`.
fn state(state: &str, waits_for_lock: bool) -> ConnectionState {
    match state {
        "active" | "fastpath function call" if waits_for_lock => ConnectionState::Waiting,
        "active" | "fastpath function call" | "starting" => ConnectionState::Active,
        "idle" => ConnectionState::Idle,
        "idle in transaction" | "idle in transaction (aborted)" => {
            ConnectionState::IdleInTransaction
        }
        // Not shown to this user, or track_activities is off.
        _ => ConnectionState::Unknown,
    }
}

/// Tells `run` of the oldest transaction, with a warning when it is older than `warn`.
pub(super) fn tell_transaction(run: &Run, table: &Table, warn: Duration) {
    let age = table.number(0, "age").unwrap_or(0.0).max(0.0);
    run.reading(TRANSACTION_LONGEST, &[], age);
    run.fact("longest_transaction_ms", (age * 1e3).round());
    if age <= warn.as_secs_f64() {
        return;
    }
    let named = table.short(0, "application");
    let application = named.filter(|name| !name.is_empty());
    let application = application.unwrap_or("an unnamed application".to_owned());
    let state = table.short(0, "state");
    let state = state.unwrap_or("in an unknown state".to_owned());
    let pid = table.count(0, "pid").unwrap_or(0);
    run.warn(format!(
        "a transaction of {application} has been open for {} and is {state}: it holds its locks and keeps VACUUM from \
         cleaning up; let {application} end it, or end it with SELECT pg_terminate_backend({pid})",
        span_in_words(age)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
        Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| row.iter().map(value).collect())
                .collect(),
            more: false,
        }
    }

    /// Scenario: every state that PostgreSQL knows, waiting for a lock and not, and hidden ones. Guarantees: each counts as what
    /// it means.
    #[test]
    fn states_are_told_apart() {
        let cases = [
            ("active", false, ConnectionState::Active),
            ("active", true, ConnectionState::Waiting),
            ("fastpath function call", true, ConnectionState::Waiting),
            ("starting", false, ConnectionState::Active),
            ("idle", false, ConnectionState::Idle),
            (
                "idle in transaction",
                false,
                ConnectionState::IdleInTransaction,
            ),
            (
                "idle in transaction (aborted)",
                false,
                ConnectionState::IdleInTransaction,
            ),
            ("disabled", false, ConnectionState::Unknown),
            ("", false, ConnectionState::Unknown),
        ];
        for (shown, waits, expected) in cases {
            assert_eq!(state(shown, waits), expected, "{shown}");
        }
    }

    /// Scenario: counted connections, one row of which hides its state. Guarantees: all of them count.
    #[test]
    fn hidden_connections_count() {
        let columns = ["application", "state", "waiting", "count"];
        let rows: [&[&str]; 2] = [&["shop", "idle", "f", "3"], &["shop", "NULL", "f", "4"]];
        assert_eq!(connections(&table(&columns, &rows)).used(), 7);
    }

    /// Scenario: no transaction, a young one, an old one. Guarantees: the age is always told; only the old one warns, with who it
    /// is, how it is and how to end it.
    #[test]
    fn old_transactions_warn() {
        let columns = ["age", "application", "state", "pid"];
        let told = |rows: &[&[&str]]| {
            let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
            tell_transaction(&run, &table(&columns, rows), Duration::from_secs(300));
            run.take()
        };
        let none = told(&[]);
        assert_eq!((none.readings[0].value, none.warnings.len()), (0.0, 0));
        let young = told(&[&["299.5", "shop", "active", "7"]]);
        assert_eq!((young.readings[0].value, young.warnings.len()), (299.5, 0));
        let old = told(&[&["423.2", "billing", "idle in transaction", "7"]]);
        assert_eq!(old.facts["longest_transaction_ms"], 423_200.0);
        let warning = &old.warnings[0];
        for part in [
            "billing has been open for 7m 3s and is idle in transaction",
            "pg_terminate_backend(7)",
        ] {
            assert!(warning.contains(part), "{warning}");
        }
    }
}
