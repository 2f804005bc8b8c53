//! What the clients of the server do: their connections and their oldest transaction.

use std::collections::HashMap;
use std::time::Duration;

use crate::probe::kind::server::{
    ConnectionState, Connections, TRANSACTION_LONGEST, span_in_words,
};
use crate::probe::kind::sql::Table;
use crate::probe::run::Run;

/// The application that stands for all of them where the user does not see others' connections.
const ALL: &str = "all";

/// What the server shows of its clients, in three tables that have the thread in common.
pub(super) struct Activity {
    /// The list of processes.
    pub(super) processes: Table,
    /// The transactions that are open.
    pub(super) transactions: Table,
    /// The names of programs; empty where the user may not see them, or nobody says one.
    pub(super) programs: Table,
}

impl Activity {
    /// The connections, each by the name of its program or by user and host.
    pub(super) fn connections(&self) -> Connections {
        let (transactions, programs) = (by_thread(&self.transactions), by_thread(&self.programs));
        let mut connections = Connections::default();
        for row in 0..self.processes.rows.len() {
            let process = Process::of(&self.processes, row);
            if process.is_the_servers() {
                continue;
            }
            let transaction = transactions.get(process.thread).copied();
            let waits = transaction
                .is_some_and(|row| self.transactions.get(row, "state") == Some("LOCK WAIT"));
            let program = programs.get(process.thread).copied();
            let program = program.and_then(|row| self.programs.get(row, "program"));
            let state = process.state(transaction.is_some(), waits);
            connections.add(&process.application(program), state, 1);
        }
        connections
    }

    /// Tells `run` of the oldest transaction, with a warning when it is older than `warn`.
    pub(super) fn tell_transaction(&self, run: &Run, warn: Duration) {
        let ages = (0..self.transactions.rows.len())
            .filter_map(|row| Some((row, self.transactions.number(row, "age")?.max(0.0))));
        let oldest = ages.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let age = oldest.map_or(0.0, |(_, age)| age);
        run.reading(TRANSACTION_LONGEST, &[], age);
        run.fact("longest_transaction_ms", (age * 1e3).round());
        let Some((row, _)) = oldest.filter(|(_, age)| *age > warn.as_secs_f64()) else {
            return;
        };
        let thread = self.transactions.get(row, "thread").unwrap_or_default();
        run.warn(format!(
            "a transaction of {} has been open for {}: it holds its locks and keeps old versions of rows; let the \
             application end it, or end it with KILL {thread}",
            self.client(thread),
            span_in_words(age)
        ));
    }

    /// Who `thread` belongs to, and what it does.
    fn client(&self, thread: &str) -> String {
        let mut rows = 0..self.processes.rows.len();
        let row = rows.find(|&row| self.processes.get(row, "Id") == Some(thread));
        let Some(process) = row.map(|row| Process::of(&self.processes, row)) else {
            // Prepared by XA, or left by a crash.
            return "no connection".to_owned();
        };
        let doing = if process.sleeps() { "idle" } else { "active" };
        format!("{} from {} ({doing})", process.user, process.host)
    }
}

/// The rows of `table` by their thread.
fn by_thread(table: &Table) -> HashMap<&str, usize> {
    let rows = 0..table.rows.len();
    rows.filter_map(|row| Some((table.get(row, "thread")?, row)))
        .collect()
}

/// A row of the list of processes.
struct Process<'t> {
    thread: &'t str,
    user: &'t str,
    /// Without the port.
    host: &'t str,
    command: &'t str,
    doing: &'t str,
}

impl<'t> Process<'t> {
    fn of(table: &'t Table, row: usize) -> Process<'t> {
        let text = |name| table.get(row, name).unwrap_or_default();
        let host = text("Host");
        Process {
            thread: text("Id"),
            user: text("User"),
            host: host.rsplit_once(':').map_or(host, |(host, _)| host),
            command: text("Command"),
            doing: text("State"),
        }
    }

    /// Threads that replicate, and the one of the event scheduler.
    fn is_the_servers(&self) -> bool {
        self.user == "system user" || self.command == "Daemon"
    }

    fn sleeps(&self) -> bool {
        self.command == "Sleep"
    }

    fn application(&self, program: Option<&str>) -> String {
        match program {
            Some(program) if !program.is_empty() => program.to_owned(),
            _ => format!("{}@{}", self.user, self.host),
        }
    }

    /// Locks of tables and of their definitions show in what it does, those of rows in the transaction.
    fn state(&self, in_transaction: bool, waits_for_row: bool) -> ConnectionState {
        let waits = self.doing.starts_with("Waiting for") && self.doing.ends_with("lock");
        match (self.sleeps(), in_transaction) {
            (true, true) => ConnectionState::IdleInTransaction,
            (true, false) => ConnectionState::Idle,
            (false, _) if waits || waits_for_row => ConnectionState::Waiting,
            (false, _) => ConnectionState::Active,
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::HeaderMap;

    use super::*;
    use crate::probe::kind::server::CONNECTIONS;

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        let owned = |row: &&[&str]| row.iter().map(|value| Some(value.to_string())).collect();
        Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.iter().map(owned).collect(),
            more: false,
        }
    }

    fn activity(processes: &[&[&str]], transactions: &[&[&str]], programs: &[&[&str]]) -> Activity {
        Activity {
            processes: table(&["Id", "User", "Host", "Command", "State"], processes),
            transactions: table(&["thread", "state", "age"], transactions),
            programs: table(&["thread", "program"], programs),
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

    /// Scenario: Connections with and without a program's name, asleep, within a transaction, waiting for a row and for a
    /// table, and working; threads of the server itself.
    /// Guarantees: Each connection counts for its application, in its state; the server's own do not.
    #[test]
    fn connections_count_for_their_application() {
        let activity = activity(
            &[
                &["1", "app", "10.0.0.7:4000", "Sleep", ""],
                &["2", "app", "10.0.0.7:4001", "Sleep", ""],
                &["3", "app", "10.0.0.7:4002", "Query", "Sending data"],
                &["4", "app", "::1:4003", "Query", "Updating"],
                &[
                    "5",
                    "app",
                    "localhost",
                    "Query",
                    "Waiting for table metadata lock",
                ],
                &[
                    "6",
                    "app",
                    "localhost",
                    "Query",
                    "Waiting for the next event",
                ],
                &["7", "system user", "", "Slave_SQL", ""],
                &["8", "event_scheduler", "localhost", "Daemon", ""],
            ],
            &[
                &["2", "RUNNING", "1"],
                &["3", "RUNNING", "1"],
                &["4", "LOCK WAIT", "1"],
            ],
            &[&["1", "billing"], &["2", "billing"], &["3", ""]],
        );
        let expected = [
            (("app@10.0.0.7", "active"), 1.0),
            (("app@::1", "waiting"), 1.0),
            (("app@localhost", "active"), 1.0),
            (("app@localhost", "waiting"), 1.0),
            (("billing", "idle"), 1.0),
            (("billing", "idle_in_transaction"), 1.0),
        ];
        let expected = expected.map(|((application, state), count)| {
            ((application.to_owned(), state.to_owned()), count)
        });
        assert_eq!(told(&activity.connections()), BTreeMap::from(expected));
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

    /// Scenario: No transaction; a young one and one that began in the future; an old one of an idle client beside a younger
    /// one; an old one that nobody is connected to.
    /// Guarantees: The greatest age is always told; only old ones are warned of, with how to end them.
    #[test]
    fn old_transactions_are_warned_of() {
        let told = |transactions: &[&[&str]]| {
            let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
            let client: &[&str] = &["7", "app", "a:1", "Sleep", ""];
            activity(&[client], transactions, &[]).tell_transaction(&run, Duration::from_secs(60));
            let found = run.take();
            (found.readings[0].value, found.warnings)
        };
        assert_eq!(told(&[]), (0.0, vec![]));
        assert_eq!(
            told(&[&["7", "RUNNING", "3.5000"], &["8", "RUNNING", "-2.0"]]),
            (3.5, vec![])
        );
        let (age, warnings) = told(&[&["9", "RUNNING", "2.0"], &["7", "RUNNING", "61.0000"]]);
        assert_eq!(age, 61.0);
        assert!(
            warnings[0].contains("of app from a (idle) has been open for 1m 1s"),
            "{warnings:?}"
        );
        assert!(warnings[0].ends_with("KILL 7"), "{warnings:?}");
        let (_, warnings) = told(&[&["0", "RUNNING", "61"]]);
        assert!(warnings[0].contains("of no connection"), "{warnings:?}");
    }
}
