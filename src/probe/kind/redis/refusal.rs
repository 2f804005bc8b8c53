//! Errors that a server answers with, and what they mean for a probe.

use redis::ServerError;

use super::resp::Command;
use crate::probe::failure::{Failure, Reason};

/// No more of a server's own words is shown.
const MAX_DETAIL_CHARS: usize = 200;

/// No error code that servers have is longer.
const MAX_CODE_CHARS: usize = 32;

/// An error that the server answered with: a code, which is its first word, and a text (RESP, "Simple errors").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    command: String,
    code: String,
    detail: String,
}

impl Refusal {
    /// What the server answered to `command`.
    pub(super) fn of(command: &Command, error: &ServerError) -> Refusal {
        Refusal {
            command: command.shown().to_owned(),
            code: clipped(error.code(), MAX_CODE_CHARS),
            detail: clipped(error.details().unwrap_or_default(), MAX_DETAIL_CHARS),
        }
    }

    /// The server's code: `NOAUTH`, `WRONGTYPE`, or `ERR` for many things.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The server's words. Those about `AUTH` may repeat a password.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the server does not know the command.
    pub(super) fn is_unknown_command(&self) -> bool {
        self.code == "ERR" && self.detail.contains("unknown command")
    }

    /// Whether it is about the connection, whatever command was refused.
    pub(super) fn ends_everything(&self) -> bool {
        let reason = self.failure(None).reason;
        matches!(reason, Reason::Auth | Reason::Full)
            || matches!(self.code(), "DENIED" | "LOADING" | "MASTERDOWN")
    }

    /// The failure that it makes of a run as `user`; `None` is the server's default user.
    pub(super) fn failure(&self, user: Option<&str>) -> Failure {
        let (reason, message) = self.meaning(user);
        Failure::new(reason, message)
    }

    fn meaning(&self, user: Option<&str>) -> (Reason, String) {
        let command = &self.command;
        let whom = match user {
            Some(user) => format!("user \"{user}\""),
            None => "the default user".to_owned(),
        };
        let (reason, message) = match self.code() {
            "NOAUTH" => (
                Reason::Auth,
                "the server asks for a password, and none is set (NOAUTH)",
            ),
            "WRONGPASS" => {
                let message =
                    format!("wrong password for {whom}, or there is no such user (WRONGPASS)");
                return (Reason::Auth, message);
            }
            "NOPERM" => {
                let message =
                    format!("{whom} may not do {command} (NOPERM): allow it with ACL SETUSER");
                return (Reason::Permission, message);
            }
            "DENIED" => (
                Reason::Permission,
                "the server is in protected mode and answers its own machine only: set a password there (requirepass), or \
                 protected-mode no",
            ),
            "LOADING" => (
                Reason::Unavailable,
                "the server is loading its data from disk (LOADING)",
            ),
            "MASTERDOWN" => (
                Reason::Unavailable,
                "this replica has lost its primary and answers nothing until it is back (MASTERDOWN)",
            ),
            "MISCONF" => (
                Reason::Unavailable,
                "the server refuses writes because its data could not be saved to disk (MISCONF): its log says why",
            ),
            "BUSY" => (
                Reason::Unavailable,
                "a script has run for too long and holds up everything (BUSY): end it with SCRIPT KILL or FUNCTION KILL",
            ),
            "CLUSTERDOWN" => (Reason::Unavailable, "the cluster is down (CLUSTERDOWN)"),
            "WRONGTYPE" => {
                return (
                    Reason::Query,
                    format!("{command}: the key holds another type (WRONGTYPE)"),
                );
            }
            "MOVED" | "ASK" => {
                let message = format!(
                    "{command}: the key is on another node of the cluster ({} {})",
                    self.code, self.detail
                );
                return (Reason::Query, message);
            }
            "ERR" => return self.meaning_of_text(),
            _ => return self.own_words(),
        };
        (reason, message.to_owned())
    }

    /// Errors that only their text tells apart. Redis, `server.c`, `acl.c`, `networking.c`, `db.c`.
    fn meaning_of_text(&self) -> (Reason, String) {
        const KNOWN: [(&str, Reason, &str); 9] = [
            (
                "max number of clients",
                Reason::Full,
                "the server takes no further connection: maxclients is reached",
            ),
            ("invalid password", Reason::Auth, "wrong password"),
            (
                "AUTH <password> called without any password configured",
                Reason::Auth,
                "a password is set here, but the server's default user has none: name the user that it belongs to, or remove it here",
            ),
            (
                "Client sent AUTH, but no password is set",
                Reason::Auth,
                "a password is set here, but the server has none: remove it here, or set requirepass there",
            ),
            (
                "wrong number of arguments for 'auth'",
                Reason::Auth,
                "a user is named, but the server knows no users (before Redis 6): leave the user out",
            ),
            (
                "DB index is out of range",
                Reason::Missing,
                "the server has no database of that number (see its setting databases)",
            ),
            (
                "invalid DB index",
                Reason::Missing,
                "the server has no database of that number (see its setting databases)",
            ),
            (
                "SELECT is not allowed in cluster mode",
                Reason::Missing,
                "a cluster has database 0 only: leave the number out",
            ),
            (
                "No such master with that name",
                Reason::Missing,
                "the sentinel watches no group of that name",
            ),
        ];
        let known = KNOWN.iter().find(|(text, ..)| self.detail.contains(text));
        match known {
            Some((_, reason, message)) => (*reason, (*message).to_owned()),
            None => self.own_words(),
        }
    }

    /// An error that says nothing to us. Servers before Redis 7 repeat the arguments of commands that they do not know.
    fn own_words(&self) -> (Reason, String) {
        let Refusal {
            command,
            code,
            detail,
        } = self;
        if command == "AUTH" {
            return (Reason::Auth, format!("the login was refused ({code})"));
        }
        if self.is_unknown_command() {
            return (Reason::Query, format!("the server does not know {command}"));
        }
        (Reason::Query, format!("{command}: {code} {detail}"))
    }
}

/// The beginning of what a server wrote, without line breaks and the like.
pub(super) fn clipped(text: &str, max_chars: usize) -> String {
    let plain = text.chars().filter(|char| !char.is_control());
    plain.take(max_chars).collect()
}
