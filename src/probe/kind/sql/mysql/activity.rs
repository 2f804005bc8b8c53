//! What the clients of the server do: their connections and their oldest transaction.

use std::time::Duration;

use crate::probe::kind::server::{
    ConnectionState, Connections, TRANSACTION_LONGEST, span_in_words,
};
use crate::probe::kind::sql::Table;
use crate::probe::run::Run;

/// The application that stands for all of them where the user does not see others' connections.
const ALL: &str = "all";

/// The connections that `table` counts.
pub(super) fn connections(table: &Table) -> Connections {
    let mut connections = Connections::default();
    for row in 0..table.rows.len() {
        let is = |name| table.get(row, name) == Some("1");
        let state = state(is("sleeps"), is("in_transaction"), is("waits"));
        let count = table.count(row, "count").unwrap_or(0);
        connections.add(&application(table, row), state, count);
    }
    connections
}

/// The program's name, or the user and the host.
fn application(table: &Table, row: usize) -> String {
    let text = |name| table.get(row, name).filter(|text| !text.is_empty());
    match (text("program"), text("user"), text("host")) {
        (Some(program), ..) => program.to_owned(),
        (None, Some(user), Some(host)) => format!("{user}@{host}"),
        (None, user, host) => user.or(host).unwrap_or_default().to_owned(),
    }
}

const fn state(sleeps: bool, in_transaction: bool, waits: bool) -> ConnectionState {
    match (sleeps, in_transaction, waits) {
        (true, true, _) => ConnectionState::IdleInTransaction,
        (true, false, _) => ConnectionState::Idle,
        (false, _, true) => ConnectionState::Waiting,
        (false, _, false) => ConnectionState::Active,
    }
}

/// The connections as far as the counters tell: those that run (`Threads_running`), of all (`Threads_connected`).
pub(super) fn counted(connected: u64, running: u64) -> Connections {
    let mut connections = Connections::default();
    // Threads of the server itself run without being connected.
    let running = running.min(connected);
    for (state, count) in [
        (ConnectionState::Active, running),
        (ConnectionState::Idle, connected - running),
    ] {
        if count > 0 {
            connections.add(ALL, state, count);
        }
    }
    connections
}

/// Tells `run` of the oldest transaction, with a warning when it is older than `warn`.
pub(super) fn tell_transaction(run: &Run, table: &Table, warn: Duration) {
    let age = table.number(0, "age").unwrap_or(0.0).max(0.0);
    run.reading(TRANSACTION_LONGEST, &[], age);
    run.fact("longest_transaction_ms", (age * 1e3).round());
    if age <= warn.as_secs_f64() {
        return;
    }
    let thread = table.get(0, "thread").unwrap_or("0");
    let client = match (table.get(0, "user"), table.get(0, "host")) {
        (Some(user), Some(host)) => format!("{user} from {host}"),
        // Prepared by XA, or rolled back after a crash.
        _ => "no connection".to_owned(),
    };
    let doing = match table.get(0, "command") {
        Some("Sleep") => "idle",
        _ => "active",
    };
    run.warn(format!(
        "a transaction of {client} has been open for {} and is {doing}: it holds its locks and keeps old versions of rows; \
         let the application end it, or end it with KILL {thread}",
        span_in_words(age)
    ));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::HeaderMap;

    use super::*;
    use crate::probe::kind::server::CONNECTIONS;

    fn table(columns: &[&str], rows: &[&[Option<&str>]]) -> Table {
        let owned =
            |row: &&[Option<&str>]| row.iter().map(|value| value.map(str::to_owned)).collect();
        Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.iter().map(owned).collect(),
            more: false,
        }
    }

    fn told(connections: &Connections) -> BTreeMap<(String, String), f64> {
        let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
        connections.tell(&run, 100, 1.0, "advice");
        let readings = run.take().readings.into_iter();
        readings
            .filter(|reading| &*reading.metric == CONNECTIONS)
            .map(|reading| {
                let value = |at: usize| reading.attributes[at].1.to_string();
                ((value(0), value(1)), reading.value)
            })
            .collect()
    }

    /// Scenario: Connections with and without a program's name, asleep, within a transaction, waiting and working.
    /// Guarantees: Each counts for its application, in its state.
    #[test]
    fn connections_count_for_their_application() {
        let columns = [
            "program",
            "user",
            "host",
            "sleeps",
            "in_transaction",
            "waits",
            "count",
        ];
        let row = |program, sleeps, in_transaction, waits, count| {
            [
                program,
                Some("app"),
                Some("::1"),
                Some(sleeps),
                Some(in_transaction),
                Some(waits),
                Some(count),
            ]
        };
        let rows = [
            row(Some("billing"), "1", "0", "0", "3"),
            row(Some("billing"), "1", "1", "0", "1"),
            row(None, "0", "1", "1", "2"),
            row(Some(""), "0", "1", "0", "4"),
        ];
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let expected = [
            (("app@::1", "active"), 4.0),
            (("app@::1", "waiting"), 2.0),
            (("billing", "idle"), 3.0),
            (("billing", "idle_in_transaction"), 1.0),
        ];
        let expected = expected.map(|((application, state), count)| {
            ((application.to_owned(), state.to_owned()), count)
        });
        assert_eq!(
            told(&connections(&table(&columns, &rows))),
            BTreeMap::from(expected)
        );
    }

    /// Scenario: Counters alone, once with more threads running than are connected.
    /// Guarantees: All connections are counted, none twice.
    #[test]
    fn counters_are_better_than_nothing() {
        let of = |connected, running| {
            let told = told(&counted(connected, running));
            let count = |state: &str| told.get(&("all".to_owned(), state.to_owned())).copied();
            (count("active"), count("idle"))
        };
        assert_eq!(of(5, 2), (Some(2.0), Some(3.0)));
        assert_eq!(of(1, 4), (Some(1.0), None));
        assert_eq!(of(0, 0), (None, None));
    }

    /// Scenario: No transaction, a young one, an old one that is idle, and an old one that nobody is connected to.
    /// Guarantees: The age is always told; only old ones are warned of, with how to end them.
    #[test]
    fn old_transactions_are_warned_of() {
        let columns = ["age", "thread", "user", "host", "command"];
        let told = |rows: &[&[Option<&str>]]| {
            let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
            tell_transaction(&run, &table(&columns, rows), Duration::from_secs(60));
            let found = run.take();
            (found.readings[0].value, found.warnings)
        };
        assert_eq!(told(&[]), (0.0, vec![]));
        let young = [
            Some("3.5"),
            Some("7"),
            Some("app"),
            Some("a:1"),
            Some("Query"),
        ];
        assert_eq!(told(&[&young]), (3.5, vec![]));
        let idle = [
            Some("61.0000"),
            Some("7"),
            Some("app"),
            Some("a:1"),
            Some("Sleep"),
        ];
        let (age, warnings) = told(&[&idle]);
        assert_eq!(age, 61.0);
        assert!(
            warnings[0].contains("of app from a:1") && warnings[0].contains("is idle"),
            "{warnings:?}"
        );
        assert!(warnings[0].ends_with("KILL 7"), "{warnings:?}");
        let (_, warnings) = told(&[&[Some("61"), Some("0"), None, None, None]]);
        assert!(warnings[0].contains("of no connection"), "{warnings:?}");
    }
}
