//! What an error of the database library means.

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
pub(in crate::probe::kind) fn describe(error: &dyn DatabaseError) -> String {
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
