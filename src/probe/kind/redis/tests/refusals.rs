//! What errors of a server mean.

use redis::{Value, parse_redis_value};

use super::super::refusal::Refusal;
use super::super::resp::Command;
use crate::config::Secret;
use crate::probe::failure::Reason;

fn refusal(command: &Command, error: &str) -> Refusal {
    let answer = parse_redis_value(format!("-{error}\r\n").as_bytes());
    match answer.unwrap() {
        Value::ServerError(error) => Refusal::of(command, &error),
        other => panic!("{other:?}"),
    }
}

/// Scenario: the errors that Redis, Valkey and sentinels answer with, in their words. Guarantees: the reason of each, and a
/// sentence that says what is wrong.
#[test]
fn errors_of_servers_have_their_reason() {
    let cases = [
        (
            "NOAUTH Authentication required.",
            Reason::Auth,
            "asks for a password",
        ),
        (
            "NOAUTH HELLO must be called with the client already authenticated",
            Reason::Auth,
            "asks for a password",
        ),
        (
            "WRONGPASS invalid username-password pair or user is disabled.",
            Reason::Auth,
            "wrong password for user \"app\"",
        ),
        ("ERR invalid password", Reason::Auth, "wrong password"),
        (
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
            Reason::Auth,
            "default user has none",
        ),
        (
            "ERR Client sent AUTH, but no password is set",
            Reason::Auth,
            "the server has none",
        ),
        (
            "ERR wrong number of arguments for 'auth' command",
            Reason::Auth,
            "knows no users",
        ),
        (
            "NOPERM this user has no permissions to run the 'info' command",
            Reason::Permission,
            "user \"app\" may not do INFO",
        ),
        (
            "NOPERM No permissions to access a key",
            Reason::Permission,
            "may not do INFO",
        ),
        (
            "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.",
            Reason::Permission,
            "protected mode",
        ),
        (
            "ERR max number of clients reached",
            Reason::Full,
            "maxclients",
        ),
        (
            "ERR max number of clients + cluster connections reached",
            Reason::Full,
            "maxclients",
        ),
        (
            "LOADING Redis is loading the dataset in memory",
            Reason::Unavailable,
            "loading",
        ),
        (
            "LOADING Valkey is loading the dataset in memory",
            Reason::Unavailable,
            "loading",
        ),
        (
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            Reason::Unavailable,
            "lost its primary",
        ),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            Reason::Unavailable,
            "refuses writes",
        ),
        (
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Reason::Unavailable,
            "SCRIPT KILL",
        ),
        (
            "CLUSTERDOWN The cluster is down",
            Reason::Unavailable,
            "cluster",
        ),
        (
            "ERR DB index is out of range",
            Reason::Missing,
            "no database of that number",
        ),
        (
            "ERR invalid DB index",
            Reason::Missing,
            "no database of that number",
        ),
        (
            "ERR SELECT is not allowed in cluster mode",
            Reason::Missing,
            "database 0 only",
        ),
        (
            "ERR No such master with that name",
            Reason::Missing,
            "no group of that name",
        ),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            Reason::Query,
            "INFO: the key holds another type",
        ),
        ("MOVED 3999 10.0.0.7:6381", Reason::Query, "10.0.0.7:6381"),
        (
            "ERR unknown command 'INFO', with args beginning with: ",
            Reason::Query,
            "does not know INFO",
        ),
        (
            "ERR something else",
            Reason::Query,
            "INFO: ERR something else",
        ),
        ("STRANGE", Reason::Query, "INFO: STRANGE"),
    ];
    let command = Command::new(&["INFO"]);
    for (error, reason, words) in cases {
        let failure = refusal(&command, error).failure(Some("app"));
        assert_eq!(failure.reason, reason, "{error}");
        assert!(
            failure.message.contains(words),
            "{error}: {}",
            failure.message
        );
    }
}

/// Scenario: servers that repeat what a login said, as those before Redis 7 do with a command that they do not know.
/// Guarantees: no word of a login is repeated.
#[test]
fn no_word_of_a_login_is_repeated() {
    let command = Command::auth(Some("app"), &Secret::new("hunter2"));
    for error in [
        "ERR unknown command 'AUTH', with args beginning with: 'app' 'hunter2' ",
        "ERR cannot let hunter2 in",
        "HUH hunter2",
        "ERR unknown command `AUTH`, with args beginning with: `hunter2`, ",
    ] {
        let failure = refusal(&command, error).failure(Some("app"));
        assert_eq!(failure.reason, Reason::Auth, "{error}");
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
}

/// Scenario: an error of a megabyte with control characters, and a code as long. Guarantees: what is kept is short and plain.
#[test]
fn errors_are_kept_short() {
    let command = Command::new(&["PING"]);
    let long = refusal(&command, &format!("ERR \x1b[31m{}", "x".repeat(1 << 20)));
    let failure = long.failure(None);
    assert!(failure.message.len() < 300, "{}", failure.message.len());
    assert!(!failure.message.contains('\x1b'));
    let code = refusal(&command, &"C".repeat(1 << 20));
    assert_eq!(code.code().len(), 32);
}

/// Scenario: refusals of the name that a connection gives itself. Guarantees: those that are about everything end the run,
/// those about the name do not.
#[test]
fn a_name_that_is_refused_ends_nothing() {
    let command = Command::new(&["CLIENT", "SETNAME", "lineside"]);
    for (error, ends) in [
        ("NOAUTH Authentication required.", true),
        ("DENIED Redis is running in protected mode", true),
        ("ERR max number of clients reached", true),
        (
            "NOPERM this user has no permissions to run the 'client|setname' command",
            false,
        ),
        ("ERR unknown command 'CLIENT'", false),
    ] {
        assert_eq!(refusal(&command, error).ends_everything(), ends, "{error}");
    }
}
