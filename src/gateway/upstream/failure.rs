//! Why a call did not bring an answer, or not all of it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::dial::DialError;
use crate::gateway::body::BodyError;

/// A step of a call that has a time limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// To look the name up and connect.
    Connect,
    /// To agree on TLS.
    Tls,
    /// For the upstream to take more of the request.
    Send,
    /// From the whole request sent to the head of the answer.
    FirstByte,
    /// For the upstream to send more of the answer's body.
    Idle,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailureKind {
    /// The upstream's name has no address, or nobody could be asked.
    Resolve,
    /// The upstream's name leads only to addresses that the route may not reach.
    Forbidden,
    /// No address of the upstream could be connected to.
    Connect,
    /// The upstream's certificate was not accepted.
    Certificate,
    /// There was no agreement on TLS.
    Tls,
    /// A step took too long.
    Timeout(Phase),
    /// The caller did not send more of the request in the time that `timeout.send` says.
    CallerStalled,
    /// The request's body broke off on its way here.
    CallerBody,
    /// The upstream ended the connection, or the stream, before the answer was whole.
    Closed,
    /// The upstream sent what is no answer.
    Protocol,
    /// The head of the answer is greater than `max_answer_head`.
    HeadTooLarge,
}

impl CallFailureKind {
    /// The kind in one word, for attributes: few values, none from outside.
    pub fn name(self) -> &'static str {
        use CallFailureKind as K;
        match self {
            K::Resolve => "resolve",
            K::Forbidden => "forbidden_address",
            K::Connect => "connect",
            K::Certificate => "certificate",
            K::Tls => "tls",
            K::Timeout(Phase::Connect) => "timeout_connect",
            K::Timeout(Phase::Tls) => "timeout_tls",
            K::Timeout(Phase::Send) => "timeout_send",
            K::Timeout(Phase::FirstByte) => "timeout_first_byte",
            K::Timeout(Phase::Idle) => "timeout_idle",
            K::CallerStalled => "caller_stalled",
            K::CallerBody => "caller_body",
            K::Closed => "closed",
            K::Protocol => "protocol",
            K::HeadTooLarge => "head_too_large",
        }
    }
}

/// A call that failed. As the error of a body: why the answer broke off.
#[derive(Debug)]
pub struct CallFailure {
    /// Why.
    pub kind: CallFailureKind,
    /// Whether the upstream may have seen the request, or a part of it, and acted. False only where nothing of it was written, or
    /// where the upstream said itself that it did nothing (RFC 9113, section 8.7).
    pub may_have_arrived: bool,
    message: String,
    caller: Option<BodyError>,
}

impl CallFailure {
    /// A failure before anything was written.
    pub(super) fn unsent(kind: CallFailureKind, message: impl Into<String>) -> CallFailure {
        CallFailure {
            kind,
            may_have_arrived: false,
            message: message.into(),
            caller: None,
        }
    }

    /// A failure after which nobody knows what the upstream did.
    pub(super) fn sent(kind: CallFailureKind, message: impl Into<String>) -> CallFailure {
        CallFailure {
            may_have_arrived: true,
            ..CallFailure::unsent(kind, message)
        }
    }

    /// The same, caused by what the request's body broke off with.
    pub(super) fn caused_by(self, caller: BodyError) -> CallFailure {
        CallFailure {
            caller: Some(caller),
            ..self
        }
    }

    /// What happened, to what.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the request's body broke off with, where that is why.
    pub fn caller_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.caller.as_deref()
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CallFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.caller.as_deref().map(|error| error as _)
    }
}

/// What an error of the connection below means, in a clause.
pub(super) fn of_socket(error: &io::Error) -> (CallFailureKind, String) {
    let dialled = DialError::from(error);
    let kind = match dialled {
        DialError::Certificate(_) => CallFailureKind::Certificate,
        DialError::Tls(_) => CallFailureKind::Tls,
        _ => CallFailureKind::Closed,
    };
    (kind, dialled.to_string())
}
