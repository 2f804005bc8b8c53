//! What is told of breakers while requests go through: events, logs, health, metrics, and setting them by hand.

use std::time::Duration;

use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fixture::{Answer, Upstream, ask, get, problem, route_to};
use crate::fixture::{Agent, Config, Connection, Reply};

const TOKEN: &str = "s3cret-token";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A breaker that opens after two failures, for long.
fn guarded(upstream: &Upstream) -> Config {
    route_to(&upstream.url())
        .set("api.token", TOKEN)
        .set("route.up.breaker.mode", "auto")
        .set("route.up.breaker.failures", 2)
        .set("route.up.breaker.open_for", "1h")
        .set("route.up.breaker.max_open_for", "1h")
}

/// The API's connections may stand still for less than two seconds, all in all.
fn silent_for_a_moment(config: Config) -> Config {
    config
        .set("api.idle_timeout", "500ms")
        .set("api.header_timeout", "500ms")
}

/// Two requests that fail, the second one within the caller's trace.
async fn fail(agent: &Agent, upstream: &Upstream) {
    upstream.next([Answer::reply(500, &[], ""), Answer::reply(500, &[], "")]);
    get(agent, "/up/pay").await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let traced = Request::get("/up/pay").header("traceparent", parent);
    assert_eq!(ask(agent, traced, "").await.status, 500);
}

/// An order to the breaker of the route, by somebody who presents `token`.
async fn order(agent: &Agent, order: &str, token: Option<&str>) -> Reply {
    let mut connection = Connection::open(agent.api(), false, None).await.unwrap();
    let path = format!("/api/breakers/up/{order}");
    let mut request = Request::post(path).header("host", agent.api().to_string());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(bytes::Bytes::new().into()).unwrap();
    connection.send(request).await.unwrap()
}

/// Somebody who listens to the changes of breakers.
struct Listener {
    stream: TcpStream,
    text: String,
}

impl Listener {
    async fn open(agent: &Agent, last_seen: Option<u64>) -> Listener {
        let mut stream = TcpStream::connect(agent.api()).await.unwrap();
        let last_seen = last_seen.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET /api/breakers/events HTTP/1.1\r\nhost: x\r\n{last_seen}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = String::new();
        let mut listener = Listener { stream, text };
        listener.hears(": listening").await;
        listener
    }

    /// Reads until it has heard `words`.
    async fn hears(&mut self, words: &str) {
        while !self.text.contains(words) {
            let more = self.read().await;
            assert!(more, "ended before {words:?}: {}", self.text);
        }
    }

    /// Whether anything more came.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let reading = timeout(Duration::from_secs(20), self.stream.read(&mut bytes));
        let count = reading.await.expect("something comes").unwrap_or(0);
        self.text
            .push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }
}

/// Scenario: an upstream fails twice, the second time within a caller's trace, while somebody listens to the events; the API's
/// connections may be silent for a moment only.
/// Guarantees: the event comes, with why; the log has a warning with the caller's trace; metrics and both pages show it open; the agent
/// is degraded and says when it is tried again, but is ready and alive.
#[tokio::test]
async fn an_open_breaker_is_told_everywhere() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(silent_for_a_moment(guarded(&upstream))).await;
    let mut listener = Listener::open(&agent, None).await;
    tokio::time::sleep(Duration::from_millis(1600)).await;
    fail(&agent, &upstream).await;
    listener.hears("event: transition").await;
    listener.hears("\"to\":\"OPEN\"").await;
    listener.hears("2 calls in a row failed").await;
    let log = agent.log();
    let mut lines = log.lines();
    let line = lines
        .find(|line| line.contains("breaker of up"))
        .expect(&log);
    assert!(line.contains("WARN") && line.contains(TRACE), "{line}");
    for (name, label, value) in [
        ("circuit_breaker_state", "service=\"up\"", 1.0),
        ("circuit_breaker_calls_total", "outcome=\"failure\"", 2.0),
        ("circuit_breaker_transitions_total", "to=\"open\"", 1.0),
        ("circuit_breaker_failure_rate_ratio", "service=\"up\"", 1.0),
    ] {
        assert_eq!(agent.metric(name, label).await, value, "{name}");
    }
    let circuits = agent
        .get("/metrics/circuit-breaker?service=up")
        .await
        .unwrap();
    let circuits = circuits.json();
    assert_eq!(circuits["circuits"][0]["metrics"]["state"], "OPEN");
    assert_eq!(circuits["health"]["status"], "unhealthy");
    let health = agent.get("/api/health").await.unwrap();
    assert_eq!(
        (health.status, &health.json()["status"]),
        (StatusCode::OK, &"degraded".into())
    );
    let said = health.text();
    assert!(
        said.contains("up has been held back for ") && said.contains("next try in 59m "),
        "{said}"
    );
    for path in ["/health/ready", "/health/live", "/health"] {
        assert_eq!(agent.get(path).await.unwrap().status, 200, "{path}");
    }
    agent.assert_no_panic();
}

/// Scenario: a breaker is open; it is closed and opened by hand, with the token and without; somebody comes back to the events.
/// Guarantees: without the token nothing changes, on loopback either; with it requests pass, and are held back, at once; who comes back
/// gets what it missed.
#[tokio::test]
async fn breakers_are_set_by_hand() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(guarded(&upstream)).await;
    fail(&agent, &upstream).await;
    for token in [None, Some("another")] {
        let refused = order(&agent, "close", token).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    problem(&get(&agent, "/up/pay").await, 503, "breaker");
    let closed = order(&agent, "close", Some(TOKEN)).await;
    assert_eq!(
        (closed.status, &closed.json()["state"]),
        (StatusCode::OK, &"CLOSED".into())
    );
    assert_eq!(get(&agent, "/up/pay").await.status, 200);
    let opened = order(&agent, "open", Some(TOKEN)).await;
    assert_eq!(opened.json()["state"], "FORCED_OPEN");
    problem(&get(&agent, "/up/pay").await, 503, "breaker");
    let mut listener = Listener::open(&agent, Some(1)).await;
    listener.hears("id: 3\nevent: transition").await;
    assert!(!listener.text.contains("id: 1\n"), "{}", listener.text);
    listener.hears("\"reason\":\"by_hand\"").await;
}

/// Scenario: the agent ends while somebody listens. Guarantees: a goodbye comes, the stream ends, and the agent ends in order.
#[tokio::test]
async fn listeners_are_told_of_the_end() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::start(guarded(&upstream)).await;
    let mut listener = Listener::open(&agent, None).await;
    agent.terminate();
    listener.hears("event: goodbye").await;
    while listener.read().await {}
    let status = agent.ended(Duration::from_secs(20)).await;
    assert!(status.success(), "{status}");
}

/// Scenario: requests through a route, answered and refused. Guarantees: they stand under the classic names with route, method and
/// status.
#[tokio::test]
async fn classic_names_speak_of_routes() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(guarded(&upstream)).await;
    assert_eq!(get(&agent, "/up/a").await.status, 200);
    fail(&agent, &upstream).await;
    problem(&get(&agent, "/up/b").await, 503, "breaker");
    let text = agent.metrics().await;
    for expected in [
        r#"http_requests_total{lineside_route="up",method="GET",route="/up",status="200"} 1"#,
        r#"http_request_duration_seconds_count{lineside_route="up",method="GET",route="/up",status="200"} 1"#,
        r#"http_errors_total{error_type="500",lineside_route="up",method="GET",route="/up",status="500"} 2"#,
        r#"http_errors_total{error_type="breaker",lineside_route="up",method="GET",route="/up",status="503"} 1"#,
        r#"http_active_connections{lineside_route="up",method="GET",route="/up"} 0"#,
        r#"rate_limit_hits_total{endpoint="/up",limit="route",lineside_route="up"} 0"#,
        r#"circuit_breaker_state{service="up"} 1"#,
        r#"http_client_open_connections{http_connection_state="active",lineside_route="up""#,
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}
