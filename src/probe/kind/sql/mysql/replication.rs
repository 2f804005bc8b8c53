//! How far this server is behind those it replicates from, as it says itself. Which replicas it has, and how far they are,
//! no source knows.

use std::time::Duration;

use crate::probe::kind::server::{REPLICATION_LAG, span_in_words};
use crate::probe::kind::sql::Table;
use crate::probe::kind::sql::failure::cut;
use crate::probe::run::Run;

/// The replica that is the checked server itself.
const SELF: &str = "self";

/// A longer error is cut.
const MAX_ERROR_CHARS: usize = 200;

/// Replication from one source: a channel in MySQL, a connection in MariaDB.
struct Source<'t> {
    table: &'t Table,
    row: usize,
}

impl<'t> Source<'t> {
    /// The first of the columns that is there: MySQL 8.0.22 and MariaDB 10.5 renamed some.
    fn get(&self, names: &[&str]) -> Option<&'t str> {
        let held = names.iter().find_map(|name| self.table.get(self.row, name));
        held.filter(|value| !value.is_empty())
    }

    /// The label of its lag. The only one, and the one without a name, is the server itself.
    fn label(&self) -> &'t str {
        self.get(&["Channel_Name", "Connection_name"])
            .unwrap_or(SELF)
    }

    fn lag(&self) -> Option<f64> {
        let lag = self.get(&["Seconds_Behind_Source", "Seconds_Behind_Master"])?;
        lag.parse().ok()
    }

    /// What does not run, and why, as far as the server knows.
    fn trouble(&self) -> Option<String> {
        let receives = self.get(&["Replica_IO_Running", "Slave_IO_Running"]);
        let applies = self.get(&["Replica_SQL_Running", "Slave_SQL_Running"]);
        let (what, errors) = match (receives, applies) {
            (_, Some("No")) => ("it applies nothing", ["Last_SQL_Error", "Last_Error"]),
            (Some("No"), _) => ("it receives nothing", ["Last_IO_Error", "Last_Error"]),
            (Some("Connecting"), _) => (
                "it cannot connect to its source",
                ["Last_IO_Error", "Last_Error"],
            ),
            _ => return None,
        };
        Some(match self.get(&errors) {
            Some(error) => format!("{what} ({})", without_data(error)),
            None => what.to_owned(),
        })
    }

    fn tell(&self, run: &Run, warn: Duration) {
        let label = self.label();
        if let Some(lag) = self.lag() {
            run.reading(REPLICATION_LAG, &[("replica", label)], lag);
            if lag > warn.as_secs_f64() {
                run.warn(format!(
                    "this replica is {} behind its source: look at its load, at long statements that it applies, and at the \
                     network",
                    span_in_words(lag)
                ));
            }
        }
        if let Some(trouble) = self.trouble() {
            let of = if label == SELF {
                String::new()
            } else {
                format!(" of {label}")
            };
            run.warn(format!(
                "replication{of} does not run, {trouble}: it answers with old data; end the cause, then START REPLICA"
            ));
        }
    }
}

/// An error of replication without the statement that failed, which holds the data of somebody.
fn without_data(error: &str) -> String {
    let end = ["Query: '", "; the event's master log"]
        .iter()
        .filter_map(|mark| error.find(mark))
        .min();
    let kept = error[..end.unwrap_or(error.len())].trim_end_matches([' ', '.', ',']);
    cut(kept, MAX_ERROR_CHARS)
}

/// Tells `run` whether the server is a replica, and how far it is behind. `table` is what it says of its sources.
pub(super) fn tell(run: &Run, table: &Table, warn: Duration) {
    if table.rows.is_empty() {
        run.fact("role", "primary");
        return;
    }
    run.fact("role", "replica");
    let sources = (0..table.rows.len()).map(|row| Source { table, row });
    let mut furthest = None;
    for source in sources {
        source.tell(run, warn);
        furthest = source.lag().into_iter().chain(furthest).reduce(f64::max);
    }
    if let Some(lag) = furthest {
        run.fact("replication_lag_ms", (lag * 1e3).round());
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::probe::run::Found;

    fn told(columns: &[&str], rows: &[&[Option<&str>]]) -> Found {
        let owned =
            |row: &&[Option<&str>]| row.iter().map(|value| value.map(str::to_owned)).collect();
        let table = Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.iter().map(owned).collect(),
            more: false,
        };
        let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
        tell(&run, &table, Duration::from_secs(30));
        run.take()
    }

    const MARIADB: [&str; 6] = [
        "Connection_name",
        "Slave_IO_Running",
        "Slave_SQL_Running",
        "Seconds_Behind_Master",
        "Last_IO_Error",
        "Last_SQL_Error",
    ];

    /// Scenario: No source; one that is followed closely, under the old names and under the new ones; one that is far ahead.
    /// Guarantees: The role is told, and the lag of a replica, with a warning when it is long.
    #[test]
    fn lag_is_told() {
        let primary = told(&MARIADB, &[]);
        assert_eq!(primary.facts["role"], "primary");
        assert!(primary.readings.is_empty());

        let mysql = [
            "Channel_Name",
            "Replica_IO_Running",
            "Replica_SQL_Running",
            "Seconds_Behind_Source",
        ];
        let close = [Some(""), Some("Yes"), Some("Yes"), Some("2")];
        let far = [Some("eu"), Some("Yes"), Some("Yes"), Some("95")];
        let replica = told(&mysql, &[&close, &far]);
        assert_eq!(replica.facts["role"], "replica");
        assert_eq!(replica.facts["replication_lag_ms"], 95_000.0);
        let readings: Vec<_> = replica
            .readings
            .iter()
            .map(|reading| (&*reading.attributes[0].1, reading.value))
            .collect();
        assert_eq!(readings, [("self", 2.0), ("eu", 95.0)]);
        assert_eq!(replica.warnings.len(), 1);
        assert!(
            replica.warnings[0].contains("1m 35s behind"),
            "{:?}",
            replica.warnings
        );

        let empty = Some("");
        let mariadb = told(
            &MARIADB,
            &[&[empty, Some("Yes"), Some("Yes"), Some("0"), empty, empty]],
        );
        assert_eq!(mariadb.readings[0].value, 0.0);
        assert!(mariadb.warnings.is_empty(), "{:?}", mariadb.warnings);
    }

    /// Scenario: The applying thread stopped on a statement with somebody's data; the receiving one was stopped; it cannot
    /// connect.
    /// Guarantees: Each is a warning with its cause and without the data. There is no lag that could be believed.
    #[test]
    fn threads_that_do_not_run_are_warned_of() {
        let duplicate = "Error 'Duplicate entry '7' for key 'PRIMARY'' on query. Default database: 'shop'. Query: 'INSERT INTO \
                         users VALUES (7, 'hidden')'";
        let cases = [
            (
                ["Yes", "No"],
                ["", duplicate],
                "it applies nothing (Error 'Duplicate entry",
            ),
            (["No", "Yes"], ["", ""], "it receives nothing:"),
            (
                ["Connecting", "Yes"],
                ["error connecting to master", ""],
                "its source (error connecting to master)",
            ),
        ];
        for ([receives, applies], [receiving, applying], expected) in cases {
            let row = [
                Some(""),
                Some(receives),
                Some(applies),
                None,
                Some(receiving),
                Some(applying),
            ];
            let found = told(&MARIADB, &[&row]);
            assert!(found.readings.is_empty());
            assert_eq!(found.warnings.len(), 1);
            assert!(found.warnings[0].contains(expected), "{:?}", found.warnings);
            assert!(
                !found.warnings[0].contains("hidden"),
                "{:?}",
                found.warnings
            );
        }
    }
}
