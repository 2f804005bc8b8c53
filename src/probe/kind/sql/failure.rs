//! What an error of the database library means.

use std::io::ErrorKind;

use opentelemetry::KeyValue;
use sqlx::error::DatabaseError;

use crate::dial::DialError;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;
use crate::telemetry::names;

/// A longer text of a server is cut.
const MAX_TEXT_CHARS: usize = 300;

/// What `error` means after the login. `judge` knows the codes of the make of database.
pub(in crate::probe::kind) fn failure(
    run: &Run,
    error: sqlx::Error,
    judge: impl Fn(&dyn DatabaseError) -> Reason,
) -> Failure {
    match error {
        sqlx::Error::Database(error) => {
            if let Some(code) = error.code() {
                run.attribute(KeyValue::new(names::DB_STATUS, code.into_owned()));
            }
            Failure::new(judge(error.as_ref()), describe(error.as_ref()))
        }
        // The one file that a connection opens by its path is of the TLS settings.
        sqlx::Error::Io(error) if error.kind() == ErrorKind::NotFound => {
            Failure::new(Reason::Tls, "a file of the TLS settings is missing")
        }
        sqlx::Error::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
            Failure::new(Reason::Permission, short(&error.to_string()))
        }
        // rustls hides in these errors, and tells of certificates.
        sqlx::Error::Io(error) => DialError::from(error).into(),
        sqlx::Error::Tls(error) => Failure::new(Reason::Tls, short(&format!("no TLS: {error}"))),
        sqlx::Error::Protocol(what) => {
            Failure::new(Reason::Protocol, short(&format!("not understood: {what}")))
        }
        sqlx::Error::ColumnDecode { index, source } => Failure::new(
            Reason::Query,
            short(&format!("the column {index} cannot be read: {source}")),
        ),
        // Only files of the TLS settings can be wrong by the time of a run. Their contents are not in the text.
        sqlx::Error::Configuration(error) => {
            Failure::new(Reason::Tls, short(&format!("TLS settings: {error}")))
        }
        other => Failure::new(Reason::Internal, short(&other.to_string())),
    }
}

/// What `error` means while connecting, with the phase that it shows: what a server says, it says in the handshake.
pub(in crate::probe::kind) fn login_failure(
    run: &Run,
    error: sqlx::Error,
    judge: impl Fn(&dyn DatabaseError) -> Reason,
) -> Failure {
    let failure = failure(run, error, judge);
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

/// The server's own words, and its code.
fn describe(error: &dyn DatabaseError) -> String {
    let text = short(error.message());
    match error.code() {
        Some(code) => format!("{text} ({code})"),
        None => text,
    }
}

fn short(text: &str) -> String {
    cut(text, MAX_TEXT_CHARS)
}

/// `text` without what is beyond `max_chars` characters.
pub(super) fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    fn run() -> Run {
        Run::begin(Duration::from_secs(1), http::HeaderMap::new())
    }

    /// Scenario: every kind of error that the library can give without a word of the server. Guarantees: each has its reason,
    /// and, in a login, the phase that it shows.
    #[test]
    fn errors_of_the_library_have_reason_and_phase() {
        let io = |kind: ErrorKind| sqlx::Error::Io(io::Error::from(kind));
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let in_io = sqlx::Error::Io(io::Error::new(ErrorKind::InvalidData, certificate));
        let cases = [
            (
                io(ErrorKind::ConnectionRefused),
                Reason::Refused,
                Phase::Connect,
            ),
            (
                io(ErrorKind::HostUnreachable),
                Reason::Unreachable,
                Phase::Connect,
            ),
            (
                io(ErrorKind::ConnectionReset),
                Reason::Closed,
                Phase::Handshake,
            ),
            (
                io(ErrorKind::UnexpectedEof),
                Reason::Closed,
                Phase::Handshake,
            ),
            (io(ErrorKind::NotFound), Reason::Tls, Phase::Tls),
            (
                io(ErrorKind::PermissionDenied),
                Reason::Permission,
                Phase::Handshake,
            ),
            (in_io, Reason::Certificate, Phase::Tls),
            (sqlx::Error::Tls("none".into()), Reason::Tls, Phase::Tls),
            (
                sqlx::Error::Configuration("no keys".into()),
                Reason::Tls,
                Phase::Tls,
            ),
            (
                sqlx::Error::Protocol("odd".to_owned()),
                Reason::Protocol,
                Phase::Handshake,
            ),
            (
                sqlx::Error::WorkerCrashed,
                Reason::Internal,
                Phase::Handshake,
            ),
        ];
        for (error, reason, phase) in cases {
            let shown = error.to_string();
            let failure = login_failure(&run(), error, |_| Reason::Query);
            assert_eq!(
                (failure.reason, failure.phase),
                (reason, Some(phase)),
                "{shown}"
            );
        }
        let failure = failure(&run(), io(ErrorKind::ConnectionReset), |_| Reason::Query);
        assert_eq!(failure.phase, None, "the run knows it");
    }

    /// Scenario: an error text of 1000 characters of three bytes each. Guarantees: it is cut at 300 characters, and says so.
    #[test]
    fn long_texts_are_cut() {
        let error = sqlx::Error::Protocol("€".repeat(1000));
        let failure = failure(&run(), error, |_| Reason::Query);
        assert_eq!(failure.message.chars().count(), 301);
        assert!(failure.message.ends_with("€…"), "{}", failure.message);
    }
}
