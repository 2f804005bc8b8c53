//! Secrets of probes stay where they are: whatever the servers do with them, and whatever the agent is asked.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::task::JoinSet;

use super::parrot::Parrot;
use super::servers::{MariaDb, Postgres, RedisServer};
use crate::fixture::{
    Agent, CANARY, CANARY_IN_URL, Config, Connection, Sink, assert_hidden, eventually,
    own_loopback, post,
};

/// Settings below a table of a probe.
type Table<'a> = Vec<(&'a str, String)>;

/// Probes of each kind that call `to`, with the canary wherever one can be.
fn probes_of(name: &str, to: SocketAddr) -> Vec<(String, Value)> {
    let url = |scheme: &str, rest: &str| format!("{scheme}://app:{CANARY_IN_URL}@{to}/{rest}");
    let http = |path: &str| url("http", &format!("{path}?key={CANARY_IN_URL}"));
    let grpc = [
        ("metadata.authorization", format!("Bearer {CANARY}")),
        ("metadata.x-key", CANARY.to_owned()),
    ];
    let probes: [(&str, String, &str, Table<'_>); 14] = [
        ("postgres", url("postgres", "x"), "", vec![]),
        ("mysql", url("mysql", "x"), "", vec![]),
        ("redis", url("redis", "1"), "", vec![]),
        (
            "word",
            format!("redis://{to}"),
            "",
            vec![("password", CANARY.to_owned())],
        ),
        (
            "sentinel",
            url("redis-sentinel", "x"),
            "redis.",
            vec![("server_password", CANARY.to_owned())],
        ),
        (
            "status",
            http("503"),
            "http.",
            vec![
                ("method", "POST".to_owned()),
                ("body", format!("key={CANARY}")),
            ],
        ),
        (
            "json",
            http("200"),
            "http.",
            vec![("expect_json.\"$.said\"", "^never".to_owned())],
        ),
        (
            "header",
            http("200"),
            "http.",
            vec![("expect_headers.x-said", "^never".to_owned())],
        ),
        (
            "body",
            http("200"),
            "http.",
            vec![("version", "2".to_owned()), ("body", CANARY.to_owned())],
        ),
        ("redirect", http("302"), "http.", vec![]),
        ("refused", http("403"), "http.", vec![]),
        (
            "tcp",
            format!("tcp://{to}"),
            "tcp.",
            vec![
                ("send", format!("AUTH {CANARY}\r\n")),
                ("expect", "^never".to_owned()),
            ],
        ),
        (
            "tls",
            format!("tls://{to}"),
            "tcp.",
            vec![("send", CANARY.to_owned())],
        ),
        ("grpc", format!("grpc://{to}"), "grpc.", grpc.to_vec()),
    ];
    let mut settings = Vec::new();
    for (probe, url, table, values) in probes {
        let above = format!("probe.{name}-{probe}.");
        settings.push((format!("{above}url"), url.into()));
        settings.push((format!("{above}every"), "200ms".into()));
        settings.push((format!("{above}timeout"), "2s".into()));
        if table == "http." {
            settings.push((format!("{above}http.headers.x-key"), CANARY.into()));
        }
        let inner = |key: &str| {
            if key == "password" {
                String::new()
            } else {
                table.to_owned()
            }
        };
        let values = values.into_iter();
        settings.extend(
            values.map(|(key, value)| (format!("{above}{}{key}", inner(key)), value.into())),
        );
    }
    settings.extend([
        (
            format!("probe.{name}-body.http.expect_body"),
            vec!["never"].into(),
        ),
        (
            format!("probe.{name}-body.http.refuse_body"),
            vec!["said"].into(),
        ),
        (format!("probe.{name}-redirect.http.redirects"), 3.into()),
    ]);
    settings
}

/// An agent that says all that it can, in `format`.
async fn talkative(sink: &Sink, format: &str, probes: Vec<(String, Value)>) -> Agent {
    let config = Config::to(sink)
        .set("telemetry.export_own", true)
        .set("telemetry.trace_ratio", 1.0)
        .set(
            "telemetry.log",
            "trace,hyper=trace,h2=trace,rustls=trace,tower=trace,warp=trace,opentelemetry=trace",
        )
        .set("telemetry.log_format", format)
        .set("telemetry.metrics_every", "1s")
        .set("api.token", CANARY)
        .environment("OTEL_BSP_SCHEDULE_DELAY", "50")
        .environment("OTEL_BLRP_SCHEDULE_DELAY", "50");
    let config = probes
        .into_iter()
        .fold(config, |config, (key, value)| config.set(&key, value));
    Agent::start(config).await
}

/// Asks for `path` as somebody who sees everything, and fails if the answer shows the canary.
async fn assert_answer_hides(agent: &Agent, path: &str, accept: &str) -> String {
    let request = Request::get(path)
        .header("host", agent.api().to_string())
        .header("accept", accept)
        .header("authorization", format!("Bearer {CANARY}"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let mut connection = Connection::open(agent.api(), false, None).await.unwrap();
    let reply = connection.send(request).await.unwrap();
    assert_hidden(path, &reply.body);
    assert_hidden(path, format!("{:?}", reply.headers).as_bytes());
    reply.text()
}

/// Every path that can be read, as the index lists them, for every probe.
async fn paths(agent: &Agent) -> Vec<String> {
    let index = agent.get("/").await.unwrap().json();
    let probes = agent.get("/api/probes").await.unwrap().json();
    let listed = probes["probes"].as_array().expect("probes");
    let names: Vec<&str> = listed
        .iter()
        .map(|probe| probe["name"].as_str().unwrap())
        .collect();
    assert!(names.len() > 14, "{probes}");
    let mut paths = Vec::new();
    let endless = "/api/breakers/events";
    for endpoint in index["endpoints"].as_array().unwrap() {
        let path = endpoint["path"].as_str().unwrap();
        if !endpoint["methods"]
            .as_array()
            .unwrap()
            .contains(&"GET".into())
            || path == endless
        {
            continue;
        }
        match path.contains("{name}") {
            true => paths.extend(names.iter().map(|name| path.replace("{name}", name))),
            false => paths.push(path.to_owned()),
        }
        paths.push(format!("{path}?include=all&detailed=true&metrics=true"));
        paths.push(format!("{path}?format=json"));
    }
    paths
}

/// Everything that the agent says to anyone: to whoever asks, to its exports, and in its log.
async fn assert_all_hidden(agent: &Agent, sink: &Sink) {
    let formats = [
        "text/plain;version=0.0.4",
        "application/openmetrics-text;version=1.0.0",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        "application/health+json",
        "text/html",
    ];
    for path in paths(agent).await {
        for format in formats {
            assert_answer_hides(agent, &path, format).await;
        }
    }
    let exported: Vec<u8> = sink
        .requests()
        .into_iter()
        .flat_map(|request| request.message)
        .collect();
    for said in ["probe ", "lineside.probe.", "error.type"] {
        assert!(
            exported
                .windows(said.len())
                .any(|window| window == said.as_bytes()),
            "no {said:?} was exported"
        );
    }
    assert_hidden("an export", &exported);
    let log = agent.log();
    assert!(log.contains("TRACE"), "the log says little:\n{log}");
    assert_hidden("the log", log.as_bytes());
    agent.assert_no_panic();
}

/// Waits until every probe has run twice, and has been run by hand.
async fn all_have_run(agent: &Agent, names: &[String]) {
    let mut by_hand = JoinSet::new();
    for name in names {
        let what = format!("{name} has run");
        let label = format!("probe=\"{name}\"");
        eventually(&what, Duration::from_secs(60), async || {
            let runs = agent.metric("lineside_probe_runs_total", &label).await;
            (runs >= 2.0).then_some(())
        })
        .await;
        let (api, path) = (agent.api(), format!("/api/probes/{name}/run"));
        by_hand.spawn(async move { (post(api, &path).await.unwrap(), path) });
    }
    for (reply, path) in by_hand.join_all().await {
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_hidden(&path, &reply.body);
    }
}

fn names(settings: &[(String, Value)]) -> Vec<String> {
    let urls = settings.iter().filter(|(key, _)| key.ends_with(".url"));
    urls.map(|(key, _)| key.split('.').nth(1).unwrap().to_owned())
        .collect()
}

/// Scenario: probes of every kind with secrets everywhere, against ports where nobody listens, and against servers that
/// repeat every byte, or every header and body, in each place where a probe looks. The agent logs all it can. Guarantees: the
/// servers got the secrets, and nobody else did: no endpoint in any format, no export, no line of the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_servers_repeat_is_not_shown() {
    let (bytes, requests) = (Parrot::of_bytes().await, Parrot::of_requests().await);
    let settings: Vec<_> = [
        probes_of("closed", (own_loopback(), 7000).into()),
        probes_of("bytes", bytes.address),
        probes_of("requests", requests.address),
    ]
    .concat();
    for format in ["text", "json"] {
        let sink = Sink::start().await;
        let agent = talkative(&sink, format, settings.clone()).await;
        all_have_run(&agent, &names(&settings)).await;
        assert_all_hidden(&agent, &sink).await;
        // The word was looked for in messages that would have shown it.
        let told = assert_answer_hides(&agent, "/api/probes", "*/*").await;
        assert!(told.contains("[secret]"), "{told}");
    }
    for (parrot, what) in [(bytes, "bytes"), (requests, "requests")] {
        let heard = String::from_utf8_lossy(&parrot.heard()).into_owned();
        assert!(
            heard.contains(CANARY),
            "nobody told the parrot of {what}: {heard}"
        );
    }
}

/// Scenario: PostgreSQL, MariaDB and Redis that refuse the password, the user, or ask for one. Guarantees: as above.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_refuse_are_quoted_without_secrets() {
    let (postgres, mariadb) = (Postgres::start().await, MariaDb::start(&[]).await);
    let redis = RedisServer::start(&["--requirepass", "something-else"]).await;
    let settings: Vec<(String, Value)> = [
        (
            "pg-password",
            format!(
                "postgres://probe:{CANARY_IN_URL}@{}/postgres",
                postgres.address()
            ),
        ),
        (
            "pg-user",
            format!(
                "postgres://nobody:{CANARY_IN_URL}@{}/postgres",
                postgres.address()
            ),
        ),
        (
            "maria-password",
            format!(
                "mariadb://probe:{CANARY_IN_URL}@{}/mysql",
                mariadb.address()
            ),
        ),
        (
            "redis-password",
            format!("redis://:{CANARY_IN_URL}@{}", redis.address()),
        ),
        (
            "redis-user",
            format!("redis://nobody:{CANARY_IN_URL}@{}", redis.address()),
        ),
    ]
    .into_iter()
    .flat_map(|(name, url)| {
        let key = |setting: &str| format!("probe.{name}.{setting}");
        [(key("url"), url.into()), (key("every"), "200ms".into())]
    })
    .collect();
    let settings = [settings, probes_of("closed", (own_loopback(), 7000).into())].concat();
    let sink = Sink::start().await;
    let agent = talkative(&sink, "text", settings.clone()).await;
    all_have_run(&agent, &names(&settings)).await;
    let told = assert_answer_hides(&agent, "/api/probes", "*/*").await;
    assert!(told.contains("\"auth\""), "{told}");
    assert_all_hidden(&agent, &sink).await;
}
