//! Ports that say all kinds of things.

use std::net::SocketAddr;

use http::HeaderMap;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::*;
use crate::config::{ProbeUrl, TcpProbeSettings};
use crate::probe::run::Found;

const LONG: Duration = Duration::from_secs(10);

/// A server that does `talk` with every connection.
async fn server<F>(talk: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    address
}

/// A server that says `words`, and then closes, or keeps the connection open.
async fn saying(words: &'static [u8], closes: bool) -> SocketAddr {
    server(move |mut stream| async move {
        stream.write_all(words).await.unwrap();
        // Until the client goes; what it says is taken, so that the end is none by a reset.
        let mut said = [0; 1024];
        while !closes && stream.read(&mut said).await.is_ok_and(|read| read > 0) {}
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut said).await;
    })
    .await
}

fn settings(address: SocketAddr, send: Option<&str>, expect: &str) -> ProbeSettings {
    let url = ProbeUrl::parse(&format!("tcp://{address}")).unwrap();
    let mut settings = ProbeSettings::new(url);
    let mut tcp = TcpProbeSettings::new();
    tcp.send = send.map(Secret::new);
    tcp.expect = Some(expect.to_owned());
    settings.tcp = Some(tcp);
    settings
}

/// Runs the check as a runner does, for at most `limit`.
async fn run(settings: &ProbeSettings, limit: Duration) -> (Option<Failure>, Found) {
    let check = TcpCheck::new(settings).unwrap();
    let run = Run::begin(limit, HeaderMap::new());
    let failure = match timeout(limit, check.check(&run)).await {
        Ok(checked) => checked.err(),
        Err(_) => Some(Failure::timed_out(limit, run.last_phase())),
    };
    let phase = run.last_phase();
    let failure = failure.map(|failure| Failure {
        phase: failure.phase.or(phase),
        ..failure
    });
    (failure, run.take())
}

/// Scenario: servers that say what is expected, something else, nothing; and then close, or stay. Guarantees: a match is a
/// success at once; otherwise what came is told, before the timeout could hide it.
#[tokio::test]
async fn what_servers_say_is_judged() {
    let limit = Duration::from_millis(500);
    type Case<'a> = (&'a [u8], bool, &'a str, Option<(Reason, &'a str)>);
    let cases: [Case; 8] = [
        (b"220 ready\r\n", false, "^220 ", None),
        (b"220 ready\r\n", true, "^220 ", None),
        (b"\x00\xff\x01", false, r"(?-u)^\x00\xff", None),
        (
            b"554 no\r\n",
            false,
            "^220 ",
            Some((
                Reason::Assertion,
                "expected ^220 , but \"554 no\\r\\n\" came (8 bytes, then nothing more)",
            )),
        ),
        (
            b"554 no\r\n",
            true,
            "^220 ",
            Some((
                Reason::Assertion,
                "(8 bytes, then the server closed the connection)",
            )),
        ),
        (
            b"\x00\xff",
            true,
            "^220 ",
            Some((Reason::Assertion, "\\x00\\xff")),
        ),
        (
            b"",
            true,
            "^220 ",
            Some((Reason::Closed, "closed the connection without a word")),
        ),
        (b"", false, "^220 ", Some((Reason::Timeout, "said nothing"))),
    ];
    for (words, closes, expect, failure) in cases {
        let address = saying(words, closes).await;
        let (ended, found) = run(&settings(address, None, expect), limit).await;
        match (ended, failure) {
            (None, None) => assert!(found.facts.contains_key("answer")),
            (Some(ended), Some((reason, text))) => {
                assert_eq!(
                    (ended.reason, ended.phase),
                    (reason, Some(Phase::Handshake))
                );
                assert!(ended.message.contains(text), "{text}: {}", ended.message);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Scenario: what is expected comes in pieces with pauses, and behind much else. Guarantees: it is found wherever it stands
/// within 64 KiB, and not behind that.
#[tokio::test]
async fn what_is_expected_may_come_late() {
    let pieces = server(|mut stream| async move {
        for piece in [&b"22"[..], b"0 re", b"ady", b"\r\n"] {
            stream.write_all(piece).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (ended, _) = run(&settings(pieces, None, "^220 ready\r\n$"), LONG).await;
    assert!(ended.is_none(), "{ended:?}");
    for (before, found) in [(65_000, true), (65_536, false), (10 << 20, false)] {
        let address = server(move |mut stream| async move {
            // Who has heard enough may be gone.
            let _ = stream.write_all(&vec![b'x'; before]).await;
            let _ = stream.write_all(b"end").await;
            let mut said = [0; 1];
            let _ = stream.read(&mut said).await;
        })
        .await;
        let (ended, _) = run(&settings(address, None, "end"), LONG).await;
        match ended {
            None => assert!(found, "{before}"),
            Some(failure) => {
                assert!(!found, "{before}: {failure}");
                assert!(
                    failure.message.contains("(65536 bytes, more is not read)"),
                    "{failure}"
                );
            }
        }
    }
}

/// Scenario: a server that drips for ever, byte by byte. Guarantees: the run ends before its timeout, with what came.
#[tokio::test]
async fn a_drip_ends_in_time() {
    let address = server(|mut stream| async move {
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let limit = Duration::from_millis(400);
    let (ended, _) = run(&settings(address, None, "end"), limit).await;
    let ended = ended.unwrap();
    assert_eq!(ended.reason, Reason::Assertion, "{ended}");
    assert!(ended.message.contains("\"xxxx"), "{ended}");
}

/// Scenario: a server that answers what it is asked, and one that repeats it. Guarantees: what is configured is sent as it is;
/// a secret that comes back is not shown.
#[tokio::test]
async fn what_is_sent_is_a_secret() {
    let echo = server(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await;
    let send = Some("AUTH hunter22\r\n");
    let (ended, found) = run(&settings(echo, send, "^AUTH hunter22\r\n$"), LONG).await;
    assert!(ended.is_none(), "{ended:?}");
    let phases: Vec<_> = found.laps.iter().map(|lap| lap.phase.name()).collect();
    assert_eq!(phases, ["resolve", "connect", "first_byte", "body"]);
    let (ended, other) = run(&settings(echo, send, "^OK"), Duration::from_millis(300)).await;
    let ended = ended.unwrap();
    assert_eq!(
        (ended.reason, ended.phase),
        (Reason::Assertion, Some(Phase::Body))
    );
    assert!(ended.message.contains("[secret]"), "{ended}");
    assert!(!format!("{ended}{found:?}{other:?}").contains("hunter"));
}

/// Scenario: a server that resets the connection at once, and one that nobody is. Guarantees: closed, or refused; nothing hangs.
#[tokio::test]
async fn connections_that_end_are_told() {
    let address = server(|stream| async move { stream.set_zero_linger().unwrap() }).await;
    let (ended, _) = run(&settings(address, None, "x"), LONG).await;
    assert_eq!(ended.unwrap().reason, Reason::Closed);
    let nobody = "127.0.0.1:1".parse().unwrap();
    let (ended, _) = run(&settings(nobody, None, "x"), LONG).await;
    let ended = ended.unwrap();
    assert_eq!(
        (ended.reason, ended.phase),
        (Reason::Refused, Some(Phase::Connect))
    );
    let broken = TcpCheck::new(&settings(nobody, None, "(")).unwrap_err();
    assert!(broken.starts_with("tcp.expect"), "{broken}");
}
