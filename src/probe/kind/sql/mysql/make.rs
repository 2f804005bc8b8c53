//! Which of the two it is, and what they do differently.

use std::time::Duration;

/// The make of a server, from what it says its version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    /// MySQL, or what calls itself so. `replicas` from 8.0.22 on, which says so instead of slaves.
    Mysql {
        /// Whether the statements about replication have their later names.
        replicas: bool,
    },
    /// MariaDB.
    MariaDb,
}

impl Make {
    /// From `VERSION()`: `8.4.2`, `10.11.6-MariaDB-0+deb12u1`.
    pub(super) fn of(version: &str) -> Make {
        if version.contains("MariaDB") {
            return Make::MariaDb;
        }
        let mut numbers = version.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
        let version = (number(), number(), number());
        Make::Mysql {
            replicas: version >= (Some(8), Some(0), Some(22)),
        }
    }

    /// Ends a statement of this session after `limit`. MySQL does so with SELECT only. 0 would mean no limit.
    pub(super) fn time_limit(self, limit: Duration) -> String {
        match self {
            Make::Mysql { .. } => {
                format!(
                    "SET SESSION max_execution_time = {}",
                    limit.as_millis().max(1)
                )
            }
            Make::MariaDb => format!(
                "SET SESSION max_statement_time = {:.3}",
                limit.as_secs_f64().max(0.001)
            ),
        }
    }

    /// How replication goes, a row for each source.
    pub(super) const fn replication(self) -> &'static str {
        match self {
            Make::Mysql { replicas: true } => "SHOW REPLICA STATUS",
            Make::Mysql { replicas: false } => "SHOW SLAVE STATUS",
            Make::MariaDb => "SHOW ALL SLAVES STATUS",
        }
    }

    /// The privilege that takes.
    pub(super) const fn replication_privilege(self) -> &'static str {
        match self {
            Make::Mysql { .. } => "REPLICATION CLIENT",
            Make::MariaDb => "REPLICA MONITOR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: Versions as servers give them, and nonsense.
    /// Guarantees: The make is known, and which names its statements have.
    #[test]
    fn versions_tell_the_make() {
        for (version, statement) in [
            ("10.11.6-MariaDB-0+deb12u1", "SHOW ALL SLAVES STATUS"),
            ("5.5.5-10.6.12-MariaDB-log", "SHOW ALL SLAVES STATUS"),
            ("5.7.44-log", "SHOW SLAVE STATUS"),
            ("8.0.21", "SHOW SLAVE STATUS"),
            ("8.0.22", "SHOW REPLICA STATUS"),
            ("8.4.2", "SHOW REPLICA STATUS"),
            ("9.1.0-commercial", "SHOW REPLICA STATUS"),
            ("", "SHOW SLAVE STATUS"),
            ("Percona", "SHOW SLAVE STATUS"),
        ] {
            assert_eq!(Make::of(version).replication(), statement, "{version}");
        }
    }

    /// Scenario: The time left for a query, down to none.
    /// Guarantees: Each make gets it in its own unit, and never the 0 that means no limit.
    #[test]
    fn a_limit_is_never_none() {
        let (mysql, mariadb) = (Make::of("8.4.2"), Make::of("10.11.6-MariaDB"));
        let limit = Duration::from_millis(4500);
        assert_eq!(
            mysql.time_limit(limit),
            "SET SESSION max_execution_time = 4500"
        );
        assert_eq!(
            mariadb.time_limit(limit),
            "SET SESSION max_statement_time = 4.500"
        );
        assert_eq!(
            mysql.time_limit(Duration::ZERO),
            "SET SESSION max_execution_time = 1"
        );
        assert_eq!(
            mariadb.time_limit(Duration::ZERO),
            "SET SESSION max_statement_time = 0.001"
        );
    }
}
