//! Why a run failed, in few enough words for a metric and in enough for a person.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::dial::DialError;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The name becomes addresses.
    Resolve,
    /// TCP.
    Connect,
    /// The TLS handshake.
    Tls,
    /// What the protocol wants before the first question: greeting, login.
    Handshake,
    /// From the question to the first byte of its answer.
    FirstByte,
    /// The rest of the answer.
    Body,
    /// Questions to a database or cache, with their answers.
    Query,
    /// Looking at this machine.
    Look,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 8] = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Tls,
        Phase::Handshake,
        Phase::FirstByte,
        Phase::Body,
        Phase::Query,
        Phase::Look,
    ];

    /// The phase as meters, spans and answers name it.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Handshake => "handshake",
            Phase::FirstByte => "first_byte",
            Phase::Body => "body",
            Phase::Query => "query",
            Phase::Look => "look",
        }
    }
}

/// Why a run failed. The set is closed: it is an attribute of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The name has no address, or no name server answers.
    Resolve,
    /// Nobody listens there.
    Refused,
    /// No way leads there.
    Unreachable,
    /// No end within the timeout; the phase says where it stood.
    Timeout,
    /// The other side ended the connection.
    Closed,
    /// TLS could not be agreed on.
    Tls,
    /// The certificate is not accepted, or ends too soon.
    Certificate,
    /// Unknown user, wrong password, or none where one is asked for.
    Auth,
    /// The user may not do this.
    Permission,
    /// The server takes no further connection.
    Full,
    /// The server is starting, stopping or recovering.
    Unavailable,
    /// What the URL names is not there: a database, a file, a service.
    Missing,
    /// The answer is not of the protocol.
    Protocol,
    /// The server answered with an error of its own.
    Query,
    /// The answer has a status that counts as a failure.
    Status,
    /// The answer is not what is expected.
    Assertion,
    /// Too little room on the disk.
    Space,
    /// An export does not get rid of what waits for it.
    Stuck,
    /// Those asked do not agree.
    Disagreement,
    /// A fault of the agent.
    Internal,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 20] = [
        Reason::Resolve,
        Reason::Refused,
        Reason::Unreachable,
        Reason::Timeout,
        Reason::Closed,
        Reason::Tls,
        Reason::Certificate,
        Reason::Auth,
        Reason::Permission,
        Reason::Full,
        Reason::Unavailable,
        Reason::Missing,
        Reason::Protocol,
        Reason::Query,
        Reason::Status,
        Reason::Assertion,
        Reason::Space,
        Reason::Stuck,
        Reason::Disagreement,
        Reason::Internal,
    ];

    /// The reason as meters, spans (`error.type`) and answers name it.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Resolve => "resolve",
            Reason::Refused => "refused",
            Reason::Unreachable => "unreachable",
            Reason::Timeout => "timeout",
            Reason::Closed => "closed",
            Reason::Tls => "tls",
            Reason::Certificate => "certificate",
            Reason::Auth => "auth",
            Reason::Permission => "permission",
            Reason::Full => "full",
            Reason::Unavailable => "unavailable",
            Reason::Missing => "missing",
            Reason::Protocol => "protocol",
            Reason::Query => "query",
            Reason::Status => "status",
            Reason::Assertion => "assertion",
            Reason::Space => "space",
            Reason::Stuck => "stuck",
            Reason::Disagreement => "disagreement",
            Reason::Internal => "internal",
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In one word.
    pub reason: Reason,
    /// The part of the run that failed; the run fills it in where the kind does not.
    pub phase: Option<Phase>,
    /// In a sentence without a full stop. It never holds a secret.
    pub message: String,
}

impl Failure {
    /// A failure in the phase that the run is in.
    pub fn new(reason: Reason, message: impl Into<String>) -> Failure {
        Failure {
            reason,
            phase: None,
            message: message.into(),
        }
    }

    /// A run that did not end in time.
    pub(super) fn timed_out(timeout: Duration, phase: Option<Phase>) -> Failure {
        let within = humantime::format_duration(timeout);
        let message = match phase {
            Some(Phase::Resolve) => format!("the name was not resolved within {within}"),
            Some(Phase::Connect) => {
                format!("no TCP connection within {within}: nothing answers there")
            }
            Some(Phase::Tls) => format!("connected, but no TLS handshake within {within}"),
            Some(Phase::Handshake) => {
                format!(
                    "connected, but the server said nothing that ends its greeting within {within}"
                )
            }
            Some(Phase::FirstByte) => format!("asked, but no answer within {within}"),
            Some(Phase::Body) => format!("the answer began, but did not end within {within}"),
            Some(Phase::Query) => {
                format!("the question was not answered within {within}")
            }
            Some(Phase::Look) | None => format!("no end within {within}"),
        };
        Failure {
            reason: Reason::Timeout,
            phase,
            message,
        }
    }
}

/// As logs and answers show it: the sentence, then reason and phase in brackets.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            reason,
            phase,
            message,
        } = self;
        match phase {
            Some(phase) => write!(f, "{message} [{}, {}]", reason.name(), phase.name()),
            None => write!(f, "{message} [{}]", reason.name()),
        }
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Failure {
        let reason = match &error {
            DialError::Resolve { .. } => Reason::Resolve,
            DialError::Refused => Reason::Refused,
            DialError::Unreachable(_) => Reason::Unreachable,
            DialError::Closed => Reason::Closed,
            DialError::Io(error) => of_socket(error),
            DialError::Certificate(_) => Reason::Certificate,
            DialError::Tls(_) => Reason::Tls,
        };
        Failure::new(reason, error.to_string())
    }
}

fn of_socket(error: &io::Error) -> Reason {
    match error.kind() {
        // The kernel gave up before the run did.
        io::ErrorKind::TimedOut => Reason::Timeout,
        // What this machine's own firewall and addresses make impossible.
        io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable => Reason::Unreachable,
        _ => Reason::Closed,
    }
}
