//! Questions and answers in RESP, the protocol of Redis, in its version 2, which every server speaks
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>). What is read has a limit.

use redis::{Cmd, ErrorKind, RedisError, Value};
use tokio::io::{
    self, AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
    BufReader,
};

use super::refusal::Refusal;
use crate::config::Secret;
use crate::dial::DialError;
use crate::probe::failure::{Failure, Reason};

/// More than the answers to one batch of questions take on any server that is well. What they become in memory is at most
/// some thirty times as large.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// What an answer may begin with, RESP 3 included.
const FIRST_BYTES: &[u8] = b"+-:$*_#,(!=%|~>";

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// As messages show it: without passwords.
    shown: String,
    packed: Vec<u8>,
}

impl Command {
    /// A command and its arguments, none of which is secret.
    pub(super) fn new(words: &[&str]) -> Command {
        Command {
            shown: words.join(" "),
            packed: packed(words),
        }
    }

    /// `AUTH`, with a user where the server has users (Redis 6).
    pub(super) fn auth(user: Option<&str>, password: &Secret) -> Command {
        let words = ["AUTH"].into_iter().chain(user).chain([password.expose()]);
        Command {
            shown: "AUTH".to_owned(),
            packed: packed(&words.collect::<Vec<_>>()),
        }
    }

    /// As messages show it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

fn packed(words: &[&str]) -> Vec<u8> {
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.get_packed_command()
}

/// What the server answered to one question.
pub(super) type Answer = Result<Value, Refusal>;

/// Asks `commands` in one go. Returns the answers that came, and why no more came where one is missing. Bytes that the
/// server sends beyond the last answer are lost: no server sends any.
pub(super) async fn exchange<S>(
    stream: &mut S,
    commands: &[Command],
) -> (Vec<Answer>, Option<Failure>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answers = Vec::with_capacity(commands.len());
    // A server that turns a connection away says why and closes it: what it said is there to be read even when nothing
    // can be written any more.
    let written = send(stream, commands).await;
    let mut reader = BufReader::new(stream.take(MAX_ANSWER_BYTES));
    if let Err(failure) = begins(&mut reader).await {
        let failure = written.err().map_or(failure, lost);
        return (answers, Some(failure));
    }
    let mut decoder = Default::default();
    for command in commands {
        match redis::parse_redis_value_async(&mut decoder, &mut reader).await {
            Ok(Value::ServerError(error)) => answers.push(Err(Refusal::of(command, &error))),
            Ok(value) => answers.push(Ok(value)),
            Err(error) => {
                let failure = broken(&error, reader.get_ref().limit());
                return (answers, Some(failure));
            }
        }
    }
    (answers, None)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, commands: &[Command]) -> io::Result<()> {
    let all: Vec<_> = commands.iter().map(|command| &*command.packed).collect();
    stream.write_all(&all.concat()).await?;
    stream.flush().await
}

/// Waits for the first bytes, and sees whether they can be the beginning of an answer.
async fn begins<R: AsyncBufRead + Unpin>(reader: &mut R) -> Result<(), Failure> {
    let first = reader.fill_buf().await.map_err(lost)?;
    match first.first() {
        None => Err(Failure::new(
            Reason::Closed,
            "the server closed the connection without an answer",
        )),
        Some(byte) if FIRST_BYTES.contains(byte) => Ok(()),
        Some(_) if first.starts_with(b"HTTP/") => Err(Failure::new(
            Reason::Protocol,
            "an HTTP server answers there, not Redis",
        )),
        Some(_) => Err(Failure::new(
            Reason::Protocol,
            "what answers there does not speak the Redis protocol",
        )),
    }
}

/// A connection that could not be written to or read from.
fn lost(error: io::Error) -> Failure {
    DialError::from(error).into()
}

/// An answer that could not be read to its end.
fn broken(error: &RedisError, bytes_left: u64) -> Failure {
    match error.kind() {
        _ if bytes_left == 0 => Failure::new(
            Reason::Protocol,
            format!(
                "the server answered with more than {} MiB",
                MAX_ANSWER_BYTES >> 20
            ),
        ),
        ErrorKind::Io => Failure::new(
            Reason::Closed,
            "the server closed the connection in the middle of an answer",
        ),
        _ => Failure::new(Reason::Protocol, "the answer is not of the Redis protocol"),
    }
}

/// The text of a value; bytes that are not UTF-8 become U+FFFD.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// A number that cannot be negative.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => text(value)?.parse().ok(),
    }
}

/// The elements of an array; none where it is no array.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// The value that stands behind `name` in an array of names and values.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if let Value::Map(pairs) = value {
        let mut pairs = pairs.iter();
        return pairs.find_map(|(key, value)| (text(key)? == name).then_some(value));
    }
    let mut pairs = items(value).chunks_exact(2);
    pairs.find_map(|pair| (text(pair.first()?)? == name).then(|| pair.get(1))?)
}
