//! A gateway on a socket, in front of an upstream that answers as it is told and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::telemetry;
use crate::config::{Endpoint, GatewaySettings, RouteSettings};
use crate::gateway::{Gateway, Means, Prepared};
use crate::listen::{Limits, Listener};
use crate::shutdown::Stopping;
use crate::telemetry::Telemetry;

/// Nothing here may take longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What an upstream does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with these bytes.
    With(String),
    /// Answers with these, one after the other, with a pause in front of each.
    Parts(Vec<String>, Duration),
    /// Closes the connection.
    Cut,
    /// Does nothing, and keeps the connection open.
    Hang,
}

/// An answer with a status, headers and a body that is framed by its length.
pub(super) fn reply(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::With(format!(
        "HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    ))
}

pub(super) struct Rig {
    pub(super) gateway: Gateway,
    pub(super) stopping: Stopping,
    pub(super) telemetry: Telemetry,
    pub(super) closing: CancellationToken,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    /// One route to an upstream that gives `replies` in their order, the last of them again and again.
    pub(super) async fn start(replies: &[Reply], change: impl FnOnce(&mut RouteSettings)) -> Rig {
        Rig::start_with(PATIENCE, replies, change).await
    }

    /// The same, where connections may be silent for no longer than `silence`.
    pub(super) async fn start_with(
        silence: Duration,
        replies: &[Reply],
        change: impl FnOnce(&mut RouteSettings),
    ) -> Rig {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", upstream.local_addr().unwrap());
        tokio::spawn(serve(upstream, replies.to_vec(), Arc::clone(&asked)));
        let mut route = RouteSettings::new(Endpoint::parse(&endpoint).unwrap());
        route.retry.base = Duration::from_millis(1);
        change(&mut route);
        let routes = BTreeMap::from([("up".to_owned(), route)]);
        Rig::with(silence, routes, asked).await
    }

    async fn with(
        silence: Duration,
        routes: BTreeMap<String, RouteSettings>,
        asked: Arc<Mutex<Vec<String>>>,
    ) -> Rig {
        let telemetry = telemetry();
        let (stopping, closing) = (Stopping::default(), CancellationToken::new());
        let settings = GatewaySettings::default();
        let limits = Limits {
            max_connections: 64,
            max_streams: 64,
            header_timeout: silence,
            idle_timeout: silence,
            max_head_bytes: settings.max_head.as_usize(),
        };
        let means = Means {
            settings,
            telemetry: &telemetry,
            stopping: stopping.clone(),
            cache: None,
            store: None,
        };
        let gateway = Gateway::open(Prepared::of(&routes).unwrap(), means);
        let instruments = telemetry.instruments().listener("gateway");
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind("gateway", "gateway.listen", any, instruments);
        let listener = listener.await.unwrap();
        let address = listener.address();
        let served = gateway.clone();
        let welcome = move |peer| served.door(peer);
        tokio::spawn(listener.serve_each(welcome, limits, None, closing.clone()));
        Rig {
            gateway,
            stopping,
            telemetry,
            closing,
            address,
            asked,
        }
    }

    /// A connection to the gateway.
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that comes back to `bytes` until the gateway closes the connection.
    pub(super) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        let mut told = Vec::new();
        let reading = stream.read_to_end(&mut told);
        // A connection that is reset has told what it had to tell.
        let _ = timeout(PATIENCE, reading)
            .await
            .expect("the gateway closes the connection");
        String::from_utf8_lossy(&told).into_owned()
    }

    /// The answer to one request, with what stands behind its request line.
    pub(super) async fn ask(&self, line: &str, rest: &str) -> String {
        let head = format!("{line} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n");
        self.raw(format!("{head}{rest}")).await
    }

    /// The answer to a GET.
    pub(super) async fn get(&self, target: &str) -> String {
        self.ask(&format!("GET {target}"), "\r\n").await
    }

    /// The answer to a POST with a body and further headers.
    pub(super) async fn post(&self, headers: &str, body: &str) -> String {
        let length = body.len();
        let rest = format!("content-length: {length}\r\n{headers}\r\n{body}");
        self.ask("POST /", &rest).await
    }

    /// What the upstream was asked, head and body of each request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The agent's metrics as a scrape shows them.
    pub(super) fn scrape(&self) -> String {
        self.telemetry.scrape()
    }
}

/// The status of an answer.
pub(super) fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1);
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{answer:?}"))
}

/// The value of a header.
pub(super) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let lines = message.split("\r\n\r\n").next()?.lines().skip(1);
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let mut named = pairs.filter(|(one, _)| one.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value)
}

/// The body of an answer that is framed by its length.
pub(super) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Waits until `done` says so.
pub(super) async fn eventually(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it comes about");
}

async fn serve(upstream: TcpListener, replies: Vec<Reply>, asked: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = upstream.accept().await.unwrap();
        tokio::spawn(converse(stream, replies.clone(), Arc::clone(&asked)));
    }
}

async fn converse(mut stream: TcpStream, replies: Vec<Reply>, asked: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(request);
            asked.len()
        };
        match &replies[number.min(replies.len()) - 1] {
            Reply::With(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Reply::Parts(parts, pause) => {
                for part in parts {
                    tokio::time::sleep(*pause).await;
                    stream.write_all(part.as_bytes()).await.unwrap();
                }
            }
            Reply::Cut => return,
            Reply::Hang => std::future::pending().await,
        }
    }
}

/// One request, with a chunked body as it stands on the wire.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !is_whole(&request) {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&request).into_owned())
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((_, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    match (
        header(&text, "content-length"),
        header(&text, "transfer-encoding"),
    ) {
        (Some(length), _) => body.len() >= length.parse().unwrap(),
        (None, Some(_)) => body.ends_with("0\r\n\r\n"),
        (None, None) => true,
    }
}
