//! Checks of servers that answer what they are told to, however odd.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::resp::{items, text};
use super::super::{Redis, Sentinel};
use super::a_run;
use crate::config::{ProbeSettings, ProbeUrl, RedisProbeSettings, Secret};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::run::Found;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that answers each command with what `answer` says, as bytes.
struct Scripted {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Scripted {
    async fn start(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone()));
            }
        });
        Scripted { address, serving }
    }

    /// One that says `words` to everybody and closes the connection, as servers do that turn somebody away.
    async fn turning_away(words: &'static str) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(words.as_bytes()).await;
            }
        });
        Scripted { address, serving }
    }

    fn settings(&self, scheme: &str, path: &str) -> ProbeSettings {
        let url = format!("{scheme}://{}{path}", self.address);
        ProbeSettings::new(ProbeUrl::parse(&url).unwrap())
    }

    async fn checked(&self) -> (Result<(), Failure>, Found) {
        check(&Redis::new(&self.settings("redis", "")).unwrap()).await
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&str) -> String) {
    let mut decoder = Default::default();
    while let Ok(command) = redis::parse_redis_value_async(&mut decoder, &mut stream).await {
        let words: Vec<_> = items(&command).iter().filter_map(text).collect();
        let answer = answer(&words.join(" "));
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn check(check: &dyn Check) -> (Result<(), Failure>, Found) {
    let run = a_run();
    let checked = timeout(PATIENCE, check.check(&run)).await;
    let checked = checked.expect("an end of the check");
    let phase = run.last_phase();
    let checked = checked.map_err(|failure| Failure {
        phase: failure.phase.or(phase),
        ..failure
    });
    (checked, run.take())
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A server that is well and has nothing to say.
fn usual(command: &str) -> String {
    match command {
        "PING" => "+PONG\r\n".to_owned(),
        "INFO" => bulk("redis_version:7.0.15\r\nconnected_clients:1\r\nrole:master\r\n"),
        "TIME" => "*2\r\n$10\r\n1700000000\r\n$1\r\n7\r\n".to_owned(),
        "CLIENT LIST" => bulk("id=1 name=it idle=0\n"),
        _ => "+OK\r\n".to_owned(),
    }
}

/// Scenario: servers that turn a connection away as soon as it is made. Guarantees: what they said is the reason, although
/// nothing could be written to them any more.
#[tokio::test]
async fn what_a_server_says_on_closing_is_heard() {
    for (words, reason, message) in [
        (
            "-DENIED Redis is running in protected mode because\r\n",
            Reason::Permission,
            "protected mode",
        ),
        (
            "-ERR max number of clients reached\r\n",
            Reason::Full,
            "maxclients",
        ),
        ("HTTP/1.0 400 Bad Request\r\n\r\n", Reason::Protocol, "HTTP"),
    ] {
        let server = Scripted::turning_away(words).await;
        for _ in 0..20 {
            let failure = server.checked().await.0.unwrap_err();
            assert_eq!(
                (failure.reason, failure.phase),
                (reason, Some(Phase::Handshake)),
                "{failure}"
            );
            assert!(failure.message.contains(message), "{failure}");
        }
    }
}

/// Scenario: a server that lets nobody name himself, has no time, no list and an empty INFO. Guarantees: it passes; nothing is
/// made up.
#[tokio::test]
async fn a_server_may_say_little() {
    let server = Scripted::start(|command| match command {
        "PING" => usual(command),
        "INFO" => "$0\r\n\r\n".to_owned(),
        _ => "-ERR unknown command\r\n".to_owned(),
    });
    let (checked, found) = server.await.checked().await;
    assert_eq!(checked, Ok(()));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let readings: Vec<_> = found
        .readings
        .iter()
        .map(|reading| &*reading.metric)
        .collect();
    assert_eq!(readings, ["db.server.connections.used"]);
}

/// Scenario: answers that are none: PING with another word, INFO as a number, as 2 MiB, as an error; a time of the year
/// 300000; a list of garbage. Guarantees: protocol where the server is not understood, otherwise it passes without what it
/// could not say.
#[tokio::test]
async fn odd_answers_do_no_harm() {
    let cases: [(&'static str, String, Option<Reason>); 8] = [
        ("PING", "+HELLO\r\n".to_owned(), Some(Reason::Protocol)),
        ("PING", "*0\r\n".to_owned(), Some(Reason::Protocol)),
        ("INFO", ":5\r\n".to_owned(), Some(Reason::Protocol)),
        (
            "INFO",
            bulk(&"a:1\n".repeat(1 << 19)),
            Some(Reason::Protocol),
        ),
        (
            "INFO",
            "-NOPERM no\r\n".to_owned(),
            Some(Reason::Permission),
        ),
        (
            "TIME",
            "*2\r\n$13\r\n9999999999999\r\n$1\r\n0\r\n".to_owned(),
            None,
        ),
        (
            "TIME",
            "*2\r\n$2\r\n-5\r\n$20\r\n99999999999999999999\r\n".to_owned(),
            None,
        ),
        (
            "CLIENT LIST",
            bulk("id=\u{0}\nid=1 name= flags= idle= multi=\n= = =\n"),
            None,
        ),
    ];
    for (odd, said, reason) in cases {
        let answer = said.clone();
        let server = Scripted::start(move |command| match command == odd {
            true => answer.clone(),
            false => usual(command),
        });
        let (checked, _) = server.await.checked().await;
        let found = checked.err().map(|failure| failure.reason);
        assert_eq!(found, reason, "{odd}");
    }
}

/// Scenario: more connections than are listed. Guarantees: the server is not asked for the list, and that is said.
#[tokio::test]
async fn a_crowd_is_not_listed() {
    let server = Scripted::start(|command| match command {
        "INFO" => bulk("connected_clients:1001\r\nmaxclients:10000\r\nrole:master\r\n"),
        "CLIENT LIST" => "-ERR asked for the list\r\n".to_owned(),
        _ => usual(command),
    });
    let (checked, found) = server.await.checked().await;
    assert_eq!(checked, Ok(()));
    assert_eq!(found.facts["connections"]["total"], 1001);
    let limited = found.facts["limited"].as_str().unwrap();
    assert!(limited.contains("more than 1000"), "{limited}");
}

/// Scenario: a login that a server of before Redis 7 repeats in its error. Guarantees: auth, and no password in anything that
/// was found.
#[tokio::test]
async fn a_password_is_never_repeated() {
    let server = Scripted::start(|command| {
        format!("-ERR unknown command, with args beginning with: `{command}`\r\n")
    });
    let server = server.await;
    let mut settings = server.settings("redis", "");
    settings.url = ProbeUrl::parse(&format!("redis://app@{}", server.address)).unwrap();
    settings.password = Some(Secret::new("hunter2"));
    let (checked, found) = check(&Redis::new(&settings).unwrap()).await;
    let failure = checked.unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Auth, Some(Phase::Handshake))
    );
    assert!(!format!("{failure:?} {found:?} {settings:?}").contains("hunter2"));
}

/// Scenario: a check that is dropped while the server is silent. Guarantees: the server sees the connection end.
#[tokio::test]
async fn a_dropped_check_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = ProbeUrl::parse(&format!("redis://{address}")).unwrap();
    let redis = Redis::new(&ProbeSettings::new(url)).unwrap();
    let checking = tokio::spawn(async move {
        let run = a_run();
        let _ = redis.check(&run).await;
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    assert!(stream.read(&mut [0; 256]).await.unwrap() > 0, "a greeting");
    checking.abort();
    let end = timeout(PATIENCE, stream.read(&mut [0; 256])).await;
    assert_eq!(end.expect("an end").unwrap(), 0);
}

/// Scenario: streams whose groups have odd names, no lag, a lag that is not known, and none. Guarantees: lengths, lags and
/// pending entries where there are any, each once.
#[tokio::test]
async fn groups_are_read_as_far_as_they_can_be() {
    let server = Scripted::start(|command| match command {
        "XLEN events" => ":7\r\n".to_owned(),
        "XLEN none" => ":0\r\n".to_owned(),
        "XINFO GROUPS none" => "-ERR no such key\r\n".to_owned(),
        "XINFO GROUPS events" => "*4\r\n\
            *6\r\n$4\r\nname\r\n$4\r\nmail\r\n$7\r\npending\r\n:3\r\n$3\r\nlag\r\n:4\r\n\
            *6\r\n$4\r\nname\r\n$4\r\nmail\r\n$7\r\npending\r\n:9\r\n$3\r\nlag\r\n:9\r\n\
            *6\r\n$4\r\nname\r\n$3\r\nold\r\n$7\r\npending\r\n:-3\r\n$3\r\nlag\r\n$-1\r\n\
            *2\r\n$4\r\nname\r\n$1\r\n\n\r\n"
            .to_owned(),
        _ => usual(command),
    })
    .await;
    let mut settings = server.settings("redis", "");
    let names = ["events", "none", "events"].map(str::to_owned);
    settings.redis = Some(RedisProbeSettings {
        streams: names.to_vec(),
        ..RedisProbeSettings::default()
    });
    let (checked, found) = check(&Redis::new(&settings).unwrap()).await;
    assert_eq!(checked, Ok(()));
    let streams = found
        .readings
        .iter()
        .filter(|reading| reading.metric.starts_with("redis.stream"));
    let told: Vec<_> = streams
        .map(|reading| (&*reading.metric, reading.value))
        .collect();
    let expected = [
        ("redis.stream.length", 7.0),
        ("redis.stream.group.lag", 4.0),
        ("redis.stream.group.pending", 3.0),
        ("redis.stream.length", 0.0),
    ];
    assert_eq!(told, expected);
}

/// Scenario: a sentinel that names a master at an address where nobody is, and one that answers nonsense. Guarantees: refused
/// in connect with the master and what to do about addresses; protocol.
#[tokio::test]
async fn a_master_that_is_not_there_is_named() {
    let group = |command: &str| match command {
        "SENTINEL GET-MASTER-ADDR-BY-NAME shop" => {
            "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n".to_owned()
        }
        "SENTINEL MASTER shop" => {
            let words = ["flags", "master", "num-other-sentinels", "0", "quorum", "1"].map(bulk);
            format!("*6\r\n{}", words.concat())
        }
        "SENTINEL REPLICAS shop" => "*0\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    };
    let server = Scripted::start(group).await;
    let sentinel = Sentinel::new(&server.settings("redis-sentinel", "/shop")).unwrap();
    let failure = check(&sentinel).await.0.unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Refused, Some(Phase::Connect))
    );
    let words = "the sentinels name 127.0.0.1:1 as master, but from here: connection refused; if it is well";
    assert!(failure.message.contains(words), "{failure}");

    let server = Scripted::start(|_| "+OK\r\n".to_owned()).await;
    let sentinel = Sentinel::new(&server.settings("redis-sentinel", "/shop")).unwrap();
    let failure = check(&sentinel).await.0.unwrap_err();
    assert_eq!(
        (failure.reason, failure.phase),
        (Reason::Protocol, Some(Phase::Query))
    );
}
