//! Secrets of routes reach their upstream and nobody else.

use std::time::Duration;

use http::Request;

use super::fixture::{
    Answer, Http2Answer, Http2Upstream, Raw, Step, Upstream, and_route, ask, head,
};
use crate::fixture::{
    Agent, CANARY, CANARY_IN_URL, Config, Connection, Sink, assert_hidden, eventually, own_loopback,
};

/// An agent that says all that it can.
fn talkative(sink: &Sink, format: &str) -> Config {
    Config::to(sink)
        .set("telemetry.export_own", true)
        .set("telemetry.trace_ratio", 1.0)
        .set(
            "telemetry.log",
            "trace,hyper=trace,h2=trace,rustls=trace,tower=trace,warp=trace,opentelemetry=trace",
        )
        .set("telemetry.log_format", format)
        .set("telemetry.metrics_every", "1s")
        .environment("OTEL_BSP_SCHEDULE_DELAY", "50")
        .environment("OTEL_BLRP_SCHEDULE_DELAY", "50")
        .environment("A_SECRET", CANARY)
}

/// Gives the route's upstream a secret in each way there is.
fn with_secrets(config: Config, route: &str) -> Config {
    let key = |setting: &str| format!("route.{route}.{setting}");
    config
        .set(&key("headers.authorization"), format!("Bearer {CANARY}"))
        .set(&key("headers.x-key.env"), "A_SECRET")
        .set(&key("headers.x-other"), CANARY)
        .set(&key("timeout.first_byte"), "300ms")
}

/// What an upstream can do with a secret that it was given.
fn parroting() -> Vec<Answer> {
    let reply = |status, headers: &[(&str, &str)]| Answer::reply(status, headers, "no word of it");
    vec![
        reply(200, &[]),
        reply(429, &[("retry-after", CANARY), ("ratelimit", CANARY)]),
        reply(503, &[("retry-after", CANARY)]),
        reply(302, &[("location", "/elsewhere")]),
        Answer::bytes(format!(
            "HTTP/1.1 200 {CANARY}\r\ncontent-length: +{CANARY}\r\n\r\n"
        ))
        .then(Step::Close),
        Answer::bytes(format!("{CANARY}\r\n\r\n")).then(Step::Close),
        Answer::bytes(format!("HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n")).then(Step::Close),
        Answer::bytes(head(200, &[("transfer-encoding", "chunked")]) + CANARY + "\r\n")
            .then(Step::Close),
        Answer::bytes(head(101, &[("connection", "upgrade"), ("upgrade", CANARY)]))
            .then(Step::Close),
        Answer::reset(),
        Answer::hang(),
    ]
}

/// Fails if the headers or the body of an answer to a caller show it, unless the upstream itself put it there.
async fn check_answer(agent: &Agent, path: &str) {
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(format!(
        "POST {path}?secret={CANARY_IN_URL} HTTP/1.1\r\nhost: g\r\ncookie: session={CANARY}\r\nproxy-authorization: {CANARY}\r\n\
         x-api-key: {CANARY}\r\nidempotency-key: {CANARY}-{path}\r\ncontent-length: 13\r\n\r\n{CANARY}"
    ))
    .await;
    let answer = raw.reply().await;
    if let Ok(reply) = answer
        && reply.header("content-type") == Some("application/problem+json")
    {
        assert_hidden(path, reply.text().as_bytes());
    }
}

/// Everything that the agent says to anyone besides callers and upstreams.
async fn check_all(agent: &Agent, sink: &Sink) {
    let index = agent.get("/").await.unwrap().json();
    for endpoint in index["endpoints"].as_array().unwrap() {
        let path = endpoint["path"].as_str().unwrap();
        let methods = endpoint["methods"].as_array().unwrap();
        // What streams does not end.
        if !methods.contains(&"GET".into())
            || path.contains('{')
            || path.contains("stream")
            || path.contains("events")
        {
            continue;
        }
        for path in [
            path.to_owned(),
            format!("{path}?include=all&detailed=true&metrics=true&format=json"),
        ] {
            if let Some(reply) = agent.get(&path).await {
                assert_hidden(&path, &reply.body);
            }
        }
    }
    let said = |word: &str| {
        let messages: Vec<u8> = sink
            .requests()
            .into_iter()
            .flat_map(|request| request.message)
            .collect();
        memchr::memmem::find(&messages, word.as_bytes()).is_some()
    };
    for word in [
        "lineside.route",
        "circuit_breaker",
        "http.client.request.duration",
    ] {
        eventually(
            &format!("{word} is exported"),
            Duration::from_secs(10),
            async || said(word).then_some(()),
        )
        .await;
    }
    for request in sink.requests() {
        assert_hidden("an export", &request.message);
    }
    assert_hidden("the log", agent.log().as_bytes());
    assert!(agent.log().contains("TRACE"), "the log says little");
    agent.assert_no_panic();
}

/// Scenario: routes with secret headers, over HTTP/1.1 and HTTP/2, to upstreams that repeat them in each place where the gateway
/// looks, that fail in every way, and where nobody listens; callers that send secrets of their own in headers, query, body and key;
/// an agent that logs all it can.
/// Guarantees: the upstreams got the secrets, and nobody else did: no problem, no endpoint, no export, no line of the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_routes_know_is_not_shown() {
    for format in ["text", "json"] {
        let (sink, upstream, two) = (
            Sink::start().await,
            Upstream::start().await,
            Http2Upstream::start().await,
        );
        let mut config = talkative(&sink, format);
        for (route, url) in [
            ("up", upstream.url()),
            ("two", two.url()),
            ("nobody", format!("http://{}:7000", own_loopback())),
            ("keyed", upstream.url()),
        ] {
            config = with_secrets(and_route(config, route, &url), route)
                .set(&format!("route.{route}.breaker.mode"), "metrics_only")
                .set(&format!("route.{route}.limit.caller.requests"), 1000)
                .set(&format!("route.{route}.limit.max_wait"), "0ms");
        }
        let config = config
            .set("route.two.version", "2")
            .set("route.up.retry.attempts", 2)
            .set("route.keyed.idempotency.required", true);
        let agent = Agent::start(config).await;
        for route in ["up", "keyed"] {
            for answer in parroting() {
                upstream.next([answer]);
                check_answer(&agent, &format!("/{route}/x")).await;
            }
        }
        for answer in [
            Http2Answer::ok(),
            Http2Answer::Reset(h2::Reason::INTERNAL_ERROR),
            Http2Answer::Hang,
        ] {
            two.next([answer]);
            check_answer(&agent, "/two/x").await;
        }
        for path in ["/nobody/x", "/nowhere", "/up/..%2fx"] {
            check_answer(&agent, path).await;
        }
        over_http2(&agent).await;
        check_all(&agent, &sink).await;
        let seen = upstream.seen();
        let bearer = format!("Bearer {CANARY}");
        assert!(
            seen.iter()
                .all(|seen| seen.header("authorization") == Some(bearer.as_str()))
        );
        assert!(
            seen.iter().all(|seen| seen.header("x-key") == Some(CANARY)
                && seen.header("x-other") == Some(CANARY))
        );
        assert!(
            two.seen()
                .iter()
                .all(|seen| seen.head.headers()["authorization"] == bearer.as_str())
        );
    }
}

/// A caller that sends its secrets over HTTP/2.
async fn over_http2(agent: &Agent) {
    let mut connection = Connection::open(agent.gateway(), true, None).await.unwrap();
    let uri = format!("http://{}/up/x?secret={CANARY_IN_URL}", agent.gateway());
    let request = Request::post(uri)
        .header("authorization", format!("Bearer {CANARY}"))
        .header("x-api-key", CANARY)
        .body(CANARY.to_owned().into_bytes().into());
    let reply = connection.send(request.unwrap()).await.unwrap();
    assert!(reply.status.as_u16() > 0);
}

/// Scenario: a header whose value cannot be one, a variable that is not set, an upstream with credentials in its URL. Guarantees:
/// `check-config` names the key and shows no value.
#[tokio::test]
async fn settings_that_are_wrong_are_named_without_values() {
    let upstream = Upstream::start().await;
    for (key, value) in [
        ("route.up.headers.authorization", format!("{CANARY}\n")),
        (
            "route.up.upstream",
            format!("https://user:{CANARY_IN_URL}@api.example"),
        ),
        ("route.up.headers.x-key.env", "NOT_SET".to_owned()),
    ] {
        let config = super::fixture::route_to(&upstream.url()).set(key, value);
        let agent = Agent::installed(config);
        agent.write_config();
        let mut command = agent.command(&["check-config"]);
        let status = tokio::task::spawn_blocking(move || command.status())
            .await
            .unwrap()
            .unwrap();
        let log = agent.log();
        assert_eq!(status.code(), Some(2), "{key}: {log}");
        assert!(log.contains("route.up"), "{key}: {log}");
        assert_hidden("check-config", log.as_bytes());
    }
    let agent = Agent::start(
        with_secrets(super::fixture::route_to(&upstream.url()), "up")
            .environment("A_SECRET", CANARY),
    )
    .await;
    let mut command = agent.command(&["check-config"]);
    tokio::task::spawn_blocking(move || command.status())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ask(&agent, Request::get("/up/x"), "").await.status, 200);
    assert_hidden("check-config", agent.log().as_bytes());
}
