//! What the error numbers of MySQL and MariaDB mean (MySQL, "Server Error Message Reference"; MariaDB, "Error Codes").

use opentelemetry::KeyValue;
use sqlx::mysql::MySqlDatabaseError;

use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::sql;
use crate::probe::kind::sql::failure::cut;
use crate::probe::run::Run;
use crate::telemetry::names;

/// A longer text of the server is cut.
const MAX_TEXT_CHARS: usize = 300;

const fn reason(number: u16) -> Reason {
    match number {
        // Access denied; no such method of authentication; without a password; expired; locked (MySQL, MariaDB).
        1045 | 1251 | 1698 | 1820 | 1862 | 3118 | 4151 => Reason::Auth,
        // To this database, host, table, column, routine; a privilege is missing.
        1044 | 1129 | 1130 | 1142 | 1143 | 1227 | 1370 => Reason::Permission,
        // Unknown database.
        1049 => Reason::Missing,
        // Too many connections: in all, of this user, by its quota; no thread for one more.
        1040 | 1203 | 1226 | 1135 => Reason::Full,
        // Shutting down, offline, out of memory.
        1053 | 1077 | 1079 | 3032 | 3168 | 1037 | 1041 => Reason::Unavailable,
        // Connections without TLS are not allowed.
        3159 => Reason::Tls,
        // By max_statement_time (MariaDB), by max_execution_time (MySQL), which the probe sets.
        1969 | 3024 => Reason::Timeout,
        // Killed.
        1927 => Reason::Closed,
        // Disk full.
        1021 => Reason::Space,
        // Packets out of order, not understood, too large, cut short.
        1043 | 1047 | 1153 | 1156 | 1158 | 1835 => Reason::Protocol,
        _ => Reason::Query,
    }
}

/// What to do, where the server's text does not say it.
const fn advice(number: u16) -> Option<&'static str> {
    match number {
        1129 => Some(
            "let an administrator run FLUSH HOSTS there (MySQL 8.4 and newer: TRUNCATE TABLE performance_schema.host_cache), \
             and look for what on this machine breaks off its handshakes, or raise max_connect_errors",
        ),
        1130 => Some("the server has no user for connections from this machine"),
        _ => None,
    }
}

/// What an error after the login means.
pub(super) fn failure(run: &Run, error: sqlx::Error) -> Failure {
    let known = match &error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<MySqlDatabaseError>(),
        _ => None,
    };
    match known {
        // The SQLSTATE, which the library calls the code, says less than the number.
        Some(error) => {
            let number = error.number();
            run.attribute(KeyValue::new(names::DB_STATUS, number.to_string()));
            Failure::new(reason(number), sentence(number, error.message()))
        }
        None => sql::failure(run, error, |_| Reason::Query),
    }
}

fn sentence(number: u16, text: &str) -> String {
    let text = cut(text, MAX_TEXT_CHARS);
    match advice(number) {
        Some(advice) => format!("{text} ({number}): {advice}"),
        None => format!("{text} ({number})"),
    }
}

/// What an error of the login means.
pub(super) fn login_failure(run: &Run, error: sqlx::Error) -> Failure {
    if let Some(failure) = unable(&error) {
        return failure;
    }
    let failure = failure(run, error);
    let phase = match failure.reason {
        Reason::Refused | Reason::Unreachable => Phase::Connect,
        Reason::Tls | Reason::Certificate => Phase::Tls,
        _ => Phase::Handshake,
    };
    Failure {
        phase: Some(phase),
        ..failure
    }
}

/// A way of authenticating that the library does not know, or not without TLS: a password that the server does not have in
/// its cache must be encrypted for it (MySQL, "Caching SHA-2 Pluggable Authentication").
fn unable(error: &sqlx::Error) -> Option<Failure> {
    let message = match error {
        sqlx::Error::Configuration(error) if error.to_string().starts_with("RSA") => {
            "the server wants the password encrypted (caching_sha2_password or sha256_password), which takes TLS here: turn \
             TLS on at the server, and do not set ssl-mode=disabled"
                .to_owned()
        }
        sqlx::Error::Protocol(text) => {
            let plugin = text.strip_prefix("unknown authentication plugin: ")?;
            let plugin = cut(plugin, MAX_TEXT_CHARS);
            format!(
                "the server wants the authentication plugin {plugin}, which a probe does not have: give it a user with \
                 mysql_native_password or caching_sha2_password"
            )
        }
        _ => return None,
    };
    Some(Failure {
        phase: Some(Phase::Handshake),
        ..Failure::new(Reason::Auth, message)
    })
}

/// Whether `error` says that this server, or this user, has no such statistics: then a probe goes without them. Servers
/// that speak the protocol without being MySQL lack some.
pub(super) fn is_lacking(error: &sqlx::Error) -> bool {
    let number = match error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<MySqlDatabaseError>(),
        _ => None,
    };
    // Denied: a database, a command, a column, a privilege. Unknown: a column, a statement, a table, a variable, a feature.
    let lacking = [
        1044, 1142, 1143, 1227, 1054, 1064, 1109, 1146, 1193, 1231, 1235,
    ];
    number.is_some_and(|error| lacking.contains(&error.number()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::*;

    /// Scenario: Errors of the library that say how it cannot authenticate, and others of their kinds.
    /// Guarantees: The former are failures of authentication that say what to change; the latter keep their reasons.
    #[test]
    fn unable_to_authenticate_says_what_to_change() {
        let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
        let rsa = "RSA auth backend disabled; enable feature `mysql-rsa`";
        let cases = [
            (
                sqlx::Error::Configuration(rsa.into()),
                Reason::Auth,
                Phase::Handshake,
                "takes TLS",
            ),
            (
                sqlx::Error::Protocol("unknown authentication plugin: client_ed25519".to_owned()),
                Reason::Auth,
                Phase::Handshake,
                "the authentication plugin client_ed25519",
            ),
            (
                sqlx::Error::Configuration("no keys found pem file".into()),
                Reason::Tls,
                Phase::Tls,
                "no keys found",
            ),
            (
                sqlx::Error::Protocol("Packet empty".to_owned()),
                Reason::Protocol,
                Phase::Handshake,
                "Packet empty",
            ),
            (
                sqlx::Error::Tls("server does not support TLS".into()),
                Reason::Tls,
                Phase::Tls,
                "does not support TLS",
            ),
        ];
        for (error, reason, phase, text) in cases {
            let failure = login_failure(&run, error);
            assert_eq!((failure.reason, failure.phase), (reason, Some(phase)));
            assert!(failure.message.contains(text), "{failure}");
        }
    }

    /// Scenario: Numbers as servers send them.
    /// Guarantees: Each has its reason, and a blocked host is told how to get free.
    #[test]
    fn numbers_have_reasons() {
        for (number, expected) in [
            (1040, Reason::Full),
            (1044, Reason::Permission),
            (1045, Reason::Auth),
            (1049, Reason::Missing),
            (1053, Reason::Unavailable),
            (1129, Reason::Permission),
            (1142, Reason::Permission),
            (1146, Reason::Query),
            (1203, Reason::Full),
            (1226, Reason::Full),
            (1792, Reason::Query),
            (1969, Reason::Timeout),
            (3024, Reason::Timeout),
        ] {
            assert_eq!(reason(number), expected, "{number}");
        }
        let blocked = sentence(1129, "Host 'a' is blocked");
        assert!(
            blocked.starts_with("Host 'a' is blocked (1129): "),
            "{blocked}"
        );
        assert!(blocked.contains("FLUSH HOSTS"), "{blocked}");
    }
}
