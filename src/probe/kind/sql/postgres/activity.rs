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
    let application = match table.get(0, "application") {
        None | Some("") => "an unnamed application",
        Some(named) => named,
    };
    let state = table.get(0, "state").unwrap_or("in an unknown state");
    let pid = table.get(0, "pid").unwrap_or("pid");
    run.warn(format!(
        "a transaction of {application} has been open for {} and is {state}: it holds its locks and keeps VACUUM from \
         cleaning up; let {application} end it, or end it with SELECT pg_terminate_backend({pid})",
        span_in_words(age)
    ));
}
