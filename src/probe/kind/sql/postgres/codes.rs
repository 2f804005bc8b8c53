//! What the codes of PostgreSQL mean (its manual, appendix A).

use sqlx::error::DatabaseError;

use crate::probe::failure::{Failure, Reason};
use crate::probe::kind::sql;
use crate::probe::run::Run;

/// The reason behind an error of the server.
pub(super) fn judge(error: &dyn DatabaseError) -> Reason {
    let code = error.code().unwrap_or_default();
    // PgBouncer has no code of its own for this.
    if error.message().contains("no more connections allowed") {
        return Reason::Full;
    }
    reason(&code)
}

fn reason(code: &str) -> Reason {
    match code {
        // invalid_authorization_specification, invalid_password
        _ if code.starts_with("28") => Reason::Auth,
        // invalid_catalog_name, database_dropped
        "3D000" | "57P04" => Reason::Missing,
        // insufficient_privilege
        "42501" => Reason::Permission,
        // too_many_connections, also for one role or database, and when only reserved ones are left
        "53300" => Reason::Full,
        // disk_full
        "53100" => Reason::Space,
        // out_of_memory; admin_shutdown, crash_shutdown, cannot_connect_now (starting, stopping, recovering)
        "53200" | "57P01" | "57P02" | "57P03" => Reason::Unavailable,
        // query_canceled: by the statement_timeout that the probe sets
        "57014" => Reason::Timeout,
        // idle_session_timeout, idle_in_transaction_session_timeout
        "57P05" | "25P03" => Reason::Closed,
        // protocol_violation and its class
        _ if code.starts_with("08") => Reason::Protocol,
        _ => Reason::Query,
    }
}

/// What an error after the login means.
pub(super) fn failure(run: &Run, error: sqlx::Error) -> Failure {
    sql::failure(run, error, judge)
}

/// What an error of the login means.
pub(super) fn login_failure(run: &Run, error: sqlx::Error) -> Failure {
    let failure = sql::login_failure(run, error, judge);
    // The answer to a request for TLS is one byte. sqlx takes the end of the connection for the byte 0.
    match failure.reason == Reason::Protocol && failure.message.ends_with("SSLRequest: 0x00") {
        true => Failure {
            reason: Reason::Closed,
            message: "the server closed the connection".to_owned(),
            ..failure
        },
        false => failure,
    }
}

/// Whether `error` says that this server, or this user, has no such statistics: then a probe goes without them. Servers
/// that speak the protocol without being PostgreSQL lack some.
pub(super) fn is_lacking(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    // feature_not_supported, insufficient_privilege, undefined function, table, column and object
    let lacking = ["0A000", "42501", "42883", "42P01", "42703", "42704"];
    lacking.contains(&error.code().unwrap_or_default().as_ref())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Scenario: codes of every kind. Guarantees: each has its reason, and an unknown one is an error of the query.
    #[test]
    fn codes_have_reasons() {
        let cases = [
            ("28P01", Reason::Auth),
            ("28000", Reason::Auth),
            ("3D000", Reason::Missing),
            ("57P04", Reason::Missing),
            ("42501", Reason::Permission),
            ("53300", Reason::Full),
            ("53100", Reason::Space),
            ("53200", Reason::Unavailable),
            ("57P01", Reason::Unavailable),
            ("57P03", Reason::Unavailable),
            ("57014", Reason::Timeout),
            ("57P05", Reason::Closed),
            ("08P01", Reason::Protocol),
            ("42P01", Reason::Query),
            ("25006", Reason::Query),
            ("XX000", Reason::Query),
            ("", Reason::Query),
        ];
        for (code, expected) in cases {
            assert_eq!(reason(code), expected, "{code}");
        }
    }

    /// Scenario: the end of the connection where an answer about TLS is due, and another odd answer. Guarantees: the first is a
    /// closed connection, the second no PostgreSQL.
    #[test]
    fn an_end_for_an_answer_is_a_closed_connection() {
        let failure = |byte: &str| {
            let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
            let text = format!("unexpected response from SSLRequest: {byte}");
            login_failure(&run, sqlx::Error::Protocol(text)).reason
        };
        assert_eq!(failure("0x00"), Reason::Closed);
        assert_eq!(failure("0x48"), Reason::Protocol);
    }
}
