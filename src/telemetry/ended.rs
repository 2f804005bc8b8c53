//! How a request, or one attempt of it, ended.

use http::StatusCode;
use opentelemetry::{KeyValue, StringValue};

use super::names;

/// From this status on an answer is an error of who gave it (semantic conventions for HTTP, SERVER spans).
pub(super) const SERVER_ERRORS: u16 = 500;
/// From this status on a request did not get what it wanted (semantic conventions for HTTP, CLIENT spans).
pub(super) const CLIENT_ERRORS: u16 = 400;

/// How a request, or one attempt of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There was an answer, which speaks for itself.
    Status(StatusCode),
    /// There was an answer because of an error, in one word: the guard that refused, or what failed.
    Refused(StatusCode, &'static str),
    /// There was no answer because of an error, in one word.
    Failed(&'static str),
}

impl Ended {
    /// `http.response.status_code`, where there was an answer.
    pub(super) fn status(self) -> Option<KeyValue> {
        match self {
            Ended::Status(status) | Ended::Refused(status, _) => {
                let status = i64::from(status.as_u16());
                Some(KeyValue::new(names::HTTP_STATUS, status))
            }
            Ended::Failed(_) => None,
        }
    }

    /// `error.type`; `None` with a status below `errors_from`, which is no error: [`SERVER_ERRORS`] where requests come in,
    /// [`CLIENT_ERRORS`] where they go out.
    pub(super) fn error(self, errors_from: u16) -> Option<KeyValue> {
        let error: StringValue = match self {
            Ended::Status(status) | Ended::Refused(status, _) if status.as_u16() < errors_from => {
                return None;
            }
            Ended::Status(status) => status.as_str().to_owned().into(),
            Ended::Refused(_, error) | Ended::Failed(error) => error.into(),
        };
        Some(KeyValue::new(names::ERROR_TYPE, error))
    }
}

impl From<Result<StatusCode, &'static str>> for Ended {
    fn from(result: Result<StatusCode, &'static str>) -> Ended {
        match result {
            Ok(status) => Ended::Status(status),
            Err(error) => Ended::Failed(error),
        }
    }
}

impl From<StatusCode> for Ended {
    fn from(status: StatusCode) -> Ended {
        Ended::Status(status)
    }
}
