//! What a server sends, well-meant and not, over a connection in memory.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::super::resp::{Answer, Command, count, exchange, field, items, text};
use crate::config::Secret;
use crate::probe::failure::{Failure, Reason};

/// Asks PING and INFO of a server that reads something, answers `said` and ends the connection.
async fn asked(said: &[u8]) -> (Vec<Answer>, Option<Failure>) {
    let (mut ours, mut theirs) = duplex(64 * 1024);
    let said = said.to_vec();
    let server = tokio::spawn(async move {
        let mut heard = [0; 64];
        let _ = theirs.read(&mut heard).await;
        let _ = theirs.write_all(&said).await;
    });
    let questions = ["PING", "INFO"].map(|name| Command::new(&[name]));
    let asking = exchange(&mut ours, &questions);
    let answered = tokio::time::timeout(Duration::from_secs(20), asking).await;
    server.abort();
    answered.expect("an end within 20 s")
}

async fn failure_of(said: &[u8]) -> (Reason, String) {
    let (_, failure) = asked(said).await;
    let failure = failure.expect("a failure");
    (failure.reason, failure.message)
}

/// Scenario: two questions, two answers in one piece. Guarantees: each answer is read, and errors of the server are
/// answers.
#[tokio::test]
async fn answers_are_read_in_their_order() {
    let (answers, failure) = asked(b"+PONG\r\n-NOPERM no INFO for you\r\n").await;
    assert_eq!(failure, None);
    assert_eq!(text(answers[0].as_ref().unwrap()).as_deref(), Some("PONG"));
    assert_eq!(answers[1].as_ref().unwrap_err().code(), "NOPERM");
}

/// Scenario: a server that answers the first question only. Guarantees: that answer is there, and the end is told as a
/// closed connection.
#[tokio::test]
async fn an_end_between_answers_is_closed() {
    let (answers, failure) = asked(b"-ERR max number of clients reached\r\n").await;
    assert_eq!(answers.len(), 1);
    assert_eq!(failure.unwrap().reason, Reason::Closed);
}

/// Scenario: what is no Redis: silence, HTTP, SSH, a broken number, an answer that stops. Guarantees: the reason says
/// which it is.
#[tokio::test]
async fn what_is_not_redis_is_said_to_be_so() {
    let cases: [(&[u8], Reason, &str); 7] = [
        (b"", Reason::Closed, "without an answer"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            Reason::Protocol,
            "HTTP",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            Reason::Protocol,
            "does not speak",
        ),
        (
            b"\x15\x03\x03\x00\x02\x02\x46",
            Reason::Protocol,
            "does not speak",
        ),
        (b"$abc\r\n", Reason::Protocol, "not of the Redis protocol"),
        (
            b"*2\r\n+a\r\nxyz\r\n",
            Reason::Protocol,
            "not of the Redis protocol",
        ),
        (b"$100\r\nabc", Reason::Closed, "in the middle"),
    ];
    for (said, reason, words) in cases {
        let (found, message) = failure_of(said).await;
        assert_eq!(found, reason, "{said:?}: {message}");
        assert!(message.contains(words), "{said:?}: {message}");
    }
}

/// Scenario: answers made to hurt: endless lines and texts, arrays that promise more than any memory, deep nesting,
/// negative lengths. Guarantees: each ends as a failure, without a panic and without reading more than the limit.
#[tokio::test]
async fn hostile_answers_end_as_failures() {
    let endless_line = [b"+".to_vec(), vec![b'a'; 2 << 20]].concat();
    let endless_text = [b"$99999999999\r\n".to_vec(), vec![0; 2 << 20]].concat();
    let many_items = [
        b"*9223372036854775807\r\n".to_vec(),
        b":1\r\n".repeat(2 << 20),
    ]
    .concat();
    let cases: [(&str, Vec<u8>); 10] = [
        ("an endless line", endless_line),
        ("an endless text", endless_text),
        ("endless items", many_items),
        ("deep", b"*1\r\n".repeat(100_000)),
        ("too many", b"*9223372036854775807\r\n".to_vec()),
        ("too many pairs", b"%9223372036854775807\r\n".to_vec()),
        ("negative pairs", b"%-9223372036854775808\r\n".to_vec()),
        ("negative attributes", b"|-1\r\n+a\r\n".to_vec()),
        ("a negative blob", b"=-5\r\n".to_vec()),
        ("a number too large", b":99999999999999999999\r\n".to_vec()),
    ];
    for (name, said) in cases {
        let began = std::time::Instant::now();
        let (reason, message) = failure_of(&said).await;
        let took = began.elapsed();
        assert!(
            matches!(reason, Reason::Closed | Reason::Protocol),
            "{name}: {message}"
        );
        assert!(took < Duration::from_secs(10), "{name}: {took:?}");
    }
}

/// Scenario: a login. Guarantees: what messages show of it holds no password, and what is sent does.
#[test]
fn a_login_is_shown_without_its_password() {
    let command = Command::auth(Some("app"), &Secret::new("hunter2"));
    assert_eq!(command.shown(), "AUTH");
    assert_eq!(Command::new(&["LLEN", "jobs"]).shown(), "LLEN jobs");
}

/// Scenario: values of every kind. Guarantees: texts, counts and fields are read where they are, and are none where they
/// are not; a negative number counts nothing.
#[test]
fn values_are_read_as_what_they_are() {
    use redis::Value;
    let bulk = |text: &[u8]| Value::BulkString(text.to_vec());
    assert_eq!(text(&bulk(b"a\xffb")).as_deref(), Some("a\u{fffd}b"));
    assert_eq!(text(&Value::Nil), None);
    assert_eq!(count(&Value::Int(7)), Some(7));
    assert_eq!(count(&Value::Int(-7)), None);
    assert_eq!(count(&bulk(b"12")), Some(12));
    assert_eq!(count(&bulk(b"twelve")), None);
    let flat = Value::Array(vec![bulk(b"lag"), Value::Int(3), bulk(b"odd")]);
    assert_eq!(field(&flat, "lag"), Some(&Value::Int(3)));
    assert_eq!(field(&flat, "odd"), None);
    let map = Value::Map(vec![(bulk(b"lag"), Value::Int(4))]);
    assert_eq!(field(&map, "lag"), Some(&Value::Int(4)));
    assert!(items(&Value::Okay).is_empty());
}
