use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::dial::{DialError, connect, resolve};

const LONG: Duration = Duration::from_secs(10);

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address at which nobody listens: its port was free a moment ago, and is kept from others.
fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A port whose queue is full: the kernel answers no SYN.
struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _fillers: JoinSet<io::Result<TcpStream>>,
    _filled: Vec<TcpStream>,
}

async fn black_hole() -> BlackHole {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut fillers = JoinSet::new();
    for _ in 0..4 {
        fillers.spawn(TcpStream::connect(address));
    }
    let mut filled = vec![fillers.join_next().await.unwrap().unwrap().unwrap()];
    // Until none gets in any more.
    while let Ok(Some(filler)) = timeout(Duration::from_millis(100), fillers.join_next()).await {
        filled.push(filler.unwrap().unwrap());
    }
    assert!(!fillers.is_empty(), "the queue is not full");
    BlackHole {
        address,
        _listener: listener,
        _fillers: fillers,
        _filled: filled,
    }
}

/// Scenario: the first addresses refuse. Guarantees: the next is tried at once, and the first that answers is taken.
#[tokio::test]
async fn a_refusal_leads_to_the_next() {
    let (_listener, address) = listening().await;
    let (_kept, closed) = refusing();
    let began = Instant::now();
    let stream = connect(&[closed, closed, address]).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert!(stream.nodelay().unwrap());
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
}

/// Scenario: the first address swallows everything. Guarantees: it keeps its head start of 250 ms, and then the next is tried
/// beside it.
#[tokio::test]
async fn a_black_hole_does_not_take_all_the_time() {
    let hole = black_hole().await;
    let (_listener, address) = listening().await;
    let began = Instant::now();
    let addresses = [hole.address, address];
    let connecting = timeout(LONG, connect(&addresses));
    let stream = connecting.await.unwrap().unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert!(
        began.elapsed() >= Duration::from_millis(240),
        "{:?}",
        began.elapsed()
    );
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

/// Scenario: every address swallows everything. Guarantees: no answer and no end, so that who waits decides.
#[tokio::test]
async fn black_holes_alone_never_end() {
    let hole = black_hole().await;
    let addresses = [hole.address; 2];
    let connecting = connect(&addresses);
    assert!(
        timeout(Duration::from_millis(600), connecting)
            .await
            .is_err()
    );
}

/// Scenario: every address refuses, one cannot be reached at all, or there is none. Guarantees: the reason of the last.
#[tokio::test]
async fn without_any_the_last_reason_is_told() {
    let (_kept, closed) = refusing();
    let error = connect(&[closed, closed]).await.unwrap_err();
    assert!(matches!(error, DialError::Refused), "{error}");
    assert_eq!(error.to_string(), "connection refused");
    assert!(connect(&[]).await.is_err());
}

/// Scenario: errors of sockets of every kind. Guarantees: each is told by what it means.
#[test]
fn errors_of_sockets_are_told_apart() {
    use io::ErrorKind as Kind;
    let of = |kind: Kind| DialError::from(io::Error::from(kind));
    assert!(matches!(of(Kind::ConnectionRefused), DialError::Refused));
    for kind in [
        Kind::HostUnreachable,
        Kind::NetworkUnreachable,
        Kind::NetworkDown,
    ] {
        assert!(matches!(of(kind), DialError::Unreachable(_)), "{kind}");
    }
    for kind in [
        Kind::ConnectionReset,
        Kind::ConnectionAborted,
        Kind::BrokenPipe,
        Kind::UnexpectedEof,
    ] {
        assert!(matches!(of(kind), DialError::Closed), "{kind}");
        let kept = io::Error::from(kind);
        assert!(
            matches!(DialError::from(&kept), DialError::Closed),
            "{kind}"
        );
    }
    for kind in [
        Kind::TimedOut,
        Kind::PermissionDenied,
        Kind::AddrNotAvailable,
    ] {
        assert!(matches!(of(kind), DialError::Io(_)), "{kind}");
    }
}

/// Scenario: addresses as text, names that this machine knows and that nobody has. Guarantees: an address asks nobody; a name
/// becomes addresses with the port; without any, the error names it.
#[tokio::test]
async fn names_become_addresses() {
    let one = resolve("192.0.2.1", 80).await.unwrap();
    assert_eq!(one, ["192.0.2.1:80".parse().unwrap()]);
    let six = resolve("2001:db8::1", 80).await.unwrap();
    assert_eq!(six, ["[2001:db8::1]:80".parse().unwrap()]);
    let local = resolve("localhost", 80).await.unwrap();
    assert!(
        local.contains(&(Ipv4Addr::LOCALHOST, 80).into()),
        "{local:?}"
    );
    let error = resolve("nobody.invalid", 80).await.unwrap_err();
    assert!(matches!(&error, DialError::Resolve { host, .. } if host == "nobody.invalid"));
    assert!(
        error
            .to_string()
            .starts_with("the name nobody.invalid was not found"),
        "{error}"
    );
}
