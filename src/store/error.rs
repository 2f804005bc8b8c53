//! Why the database does not do what it was asked: what happened, to what, and what to do. No text holds a user's name, a password
//! or a value of a row.

use std::io::ErrorKind;
use std::time::Duration;

use crate::store::migrate::MigrationError;

/// A longer text of a server is cut.
const MAX_TEXT_CHARS: usize = 300;

/// Why there is no answer of the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The settings cannot be used.
    #[error("store.{key} {problem}")]
    Settings {
        /// Which of them.
        key: &'static str,
        /// What is wrong with it, and what to write.
        problem: String,
    },
    /// There is no connection, or it broke.
    #[error("no connection to the store {place}: {cause}")]
    Unreachable {
        /// The database.
        place: String,
        /// Why.
        cause: String,
        /// Whether it broke behind a question.
        was_asked: bool,
    },
    /// It took longer than `store.timeout`.
    #[error(
        "the store {place} did not answer within {timeout:?} (store.timeout): see whether it is locked or overloaded"
    )]
    TimedOut {
        /// The database.
        place: String,
        /// The setting.
        timeout: Duration,
        /// Whether the question was on its way.
        was_asked: bool,
    },
    /// The database refuses a question.
    #[error("the store {place} refuses: {cause}")]
    Refused {
        /// The database.
        place: String,
        /// Its own words.
        cause: String,
    },
    /// The database and this binary do not fit together.
    #[error("the store {place}: {error}")]
    Migration {
        /// The database.
        place: String,
        /// In what.
        error: MigrationError,
    },
}

impl StoreError {
    /// Whether it may go away by itself: then it is worth asking again.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable { .. } | StoreError::TimedOut { .. }
        )
    }

    /// Whether what was asked may have been done all the same, or may still be.
    pub fn may_have_been_done(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable {
                was_asked: true,
                ..
            } | StoreError::TimedOut {
                was_asked: true,
                ..
            }
        )
    }

    /// What `error` means for the database at `place`, before a question was sent there.
    pub(super) fn of(place: &str, timeout: Duration, error: sqlx::Error) -> StoreError {
        StoreError::when(place, timeout, false, error)
    }

    /// What `error` means, where the question `was_asked` or not.
    pub(super) fn when(
        place: &str,
        timeout: Duration,
        was_asked: bool,
        error: sqlx::Error,
    ) -> StoreError {
        let place = place.to_owned();
        match error {
            sqlx::Error::PoolTimedOut => StoreError::TimedOut {
                place,
                timeout,
                was_asked,
            },
            error if is_busy(&error) => StoreError::TimedOut {
                place,
                timeout,
                was_asked: false,
            },
            sqlx::Error::Database(error) if !is_unavailable(error.code().as_deref()) => {
                let cause = described(error.message(), error.code().as_deref());
                StoreError::Refused { place, cause }
            }
            error => StoreError::Unreachable {
                place,
                cause: cause(&error),
                was_asked,
            },
        }
    }
}

/// Whether a lock was waited for in vain: BUSY and LOCKED of SQLite, lock_not_available of PostgreSQL.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    match error.code().as_deref() {
        Some("55P03") => true,
        Some(code) => {
            code.len() < 5
                && code
                    .parse::<i32>()
                    .is_ok_and(|code| matches!(code & 0xff, 5 | 6))
        }
        None => false,
    }
}

/// Codes of a server that lets nobody in for a while (PostgreSQL manual, appendix A): it starts, stops, recovers, or is full.
fn is_unavailable(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("57P01" | "57P02" | "57P03" | "53300" | "08006" | "08001" | "08004")
    )
}

/// What a failure of the connection means. What libraries say of their settings is not repeated.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => described(error.message(), error.code().as_deref()),
        sqlx::Error::Io(error) if error.kind() == ErrorKind::NotFound => {
            "the socket, or a file of store.tls, is missing".to_owned()
        }
        sqlx::Error::Io(error) => short(&error.to_string()),
        sqlx::Error::Tls(error) => short(&format!("no TLS: {error}")),
        sqlx::Error::Protocol(what) => short(&format!("not understood: {what}")),
        sqlx::Error::PoolClosed => "the agent is stopping".to_owned(),
        sqlx::Error::WorkerCrashed => "the connection has ended".to_owned(),
        sqlx::Error::Configuration(_) => "the settings of store.tls cannot be used".to_owned(),
        other => short(&other.to_string()),
    }
}

fn described(text: &str, code: Option<&str>) -> String {
    let text = short(text);
    match code {
        Some(code) => format!("{text} ({code})"),
        None => text,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
