//! Redis Sentinel: three sentinels, a master and a replica, and every way in which they do not agree.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::Watched;
use super::servers::{GROUP, RedisServer, SentinelServer, TlsFiles};
use crate::fixture::{Authority, Gate, Mode, eventually, own_loopback};

const PATIENCE: Duration = Duration::from_secs(40);

/// A group: a master with a replica, and sentinels that all know each other.
struct Group {
    master: RedisServer,
    replica: RedisServer,
    sentinels: Vec<SentinelServer>,
}

impl Group {
    async fn start() -> Group {
        let master = RedisServer::start(&[]).await;
        let replica = RedisServer::replica_of(&master).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(SentinelServer::start(&master, 2).await);
        }
        for sentinel in &sentinels {
            sentinel.knows(2, 1).await;
        }
        Group {
            master,
            replica,
            sentinels,
        }
    }

    /// A probe of all three sentinels, with further settings.
    async fn watched(&self, settings: &[(&str, Value)]) -> Watched {
        let [first, others @ ..] = &*self.sentinels else {
            unreachable!("there are three");
        };
        let others: Vec<_> = others
            .iter()
            .map(|other| other.address().to_string())
            .collect();
        let mut all = vec![
            (
                "url",
                format!("redis-sentinel://{}/{GROUP}", first.address()).into(),
            ),
            ("redis.sentinels", json!(others)),
            ("timeout", json!("4s")),
        ];
        all.extend(settings.iter().cloned());
        Watched::start(&all).await
    }

    /// Waits until every sentinel that runs names `master`.
    async fn all_name(&self, master: &RedisServer) {
        for sentinel in &self.sentinels {
            let what = format!("a sentinel that names {}", master.address());
            eventually(&what, PATIENCE, async || {
                let said = sentinel
                    .cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP])
                    .await;
                said.contains(&master.host().to_string()).then_some(())
            })
            .await;
        }
    }
}

/// Scenario: one master, one replica, three sentinels. Guarantees: it passes, with the master, the sentinels and the replica
/// as facts, and with their numbers; the span has the phases of every server asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_agrees_passes() {
    let group = Group::start().await;
    let watched = group.watched(&[]).await;
    let check = watched.passes().await;
    let facts = &check["facts"];
    assert_eq!(facts["master"], group.master.address().to_string());
    assert_eq!(facts["quorum"], 2);
    assert_eq!(facts["sentinels"].as_array().unwrap().len(), 3);
    assert_eq!(
        facts["replicas"][0]["name"],
        group.replica.address().to_string()
    );
    assert_eq!(facts["replicas"][0]["follows"], true);
    for (metric, is) in [
        ("redis_sentinel_sentinels", 3.0),
        ("redis_sentinel_sentinels_answering", 3.0),
        ("redis_sentinel_quorum", 2.0),
        ("redis_sentinel_replicas", 1.0),
        ("redis_sentinel_replicas_following", 1.0),
    ] {
        watched
            .reading_where(metric, "probe=\"it\"", |value| value == is)
            .await;
    }
    let label = format!("replica=\"{}\"", group.replica.address());
    watched
        .reading_where("db_server_replication_lag_seconds", &label, |lag| lag < 5.0)
        .await;
    let span = watched.span().await;
    assert_eq!(span.attributes["db.system.name"], "redis");
    let first = group.sentinels[0].address();
    assert_eq!(span.attributes["server.address"], first.ip().to_string());
    let count = |phase| span.phases.iter().filter(|name| *name == phase).count();
    assert_eq!(
        ["connect", "handshake", "query"].map(count),
        [5; 3],
        "{span:?}"
    );
}

/// Scenario: one sentinel is stopped, then a second, then both come back. Guarantees: a warning that names the first;
/// without a quorum a failure, refused in connect, that names both; then it passes again.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_are_gone_are_warned_of_and_then_too_few() {
    let mut group = Group::start().await;
    let watched = group.watched(&[]).await;
    watched.passes().await;
    group.sentinels[1].stop().await;
    let gone = format!(
        "the sentinel {} does not answer",
        group.sentinels[1].address()
    );
    watched.warns(&gone).await;
    group.sentinels[2].stop().await;
    let check = watched.fails("refused", Some("connect")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("of 3 sentinels 1 answer, and 2 must (quorum)"),
        "{message}"
    );
    for gone in &group.sentinels[1..] {
        assert!(message.contains(&gone.address().to_string()), "{message}");
    }
    group.sentinels[1].start_again().await;
    group.sentinels[2].start_again().await;
    watched.passes().await;
}

/// Scenario: a probe that knows one sentinel only, whose two companions are stopped. Guarantees: nobody else is missing, so
/// it is the sentinel's own word that no failover is possible: unavailable, in the query.
#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_without_a_quorum_says_so() {
    let mut group = Group::start().await;
    let url = format!("redis-sentinel://{}/{GROUP}", group.sentinels[0].address());
    let settings = [("url", url.into()), ("timeout", json!("4s"))];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    group.sentinels[1].stop().await;
    group.sentinels[2].stop().await;
    let check = watched.fails("unavailable", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("no failover is possible"), "{message}");
}

/// Scenario: a sentinel freezes, and one is behind a black hole. Guarantees: each is a warning, as neither takes the time of
/// the others; with all of them frozen it is a timeout in the handshake.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sentinel_takes_no_time_of_others() {
    let group = Group::start().await;
    let gate = Gate::before(group.sentinels[0].address()).await;
    let others = [
        group.sentinels[1].address().to_string(),
        gate.address().to_string(),
    ];
    let settings = [
        (
            "url",
            format!("redis-sentinel://{}/{GROUP}", group.sentinels[0].address()).into(),
        ),
        ("redis.sentinels", json!(others)),
        ("timeout", json!("4s")),
    ];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    gate.set(Mode::BlackHole).await;
    watched
        .warns(&format!("the sentinel {} does not answer", gate.address()))
        .await;
    gate.set(Mode::Pass).await;
    watched.passes().await;
    for sentinel in &group.sentinels {
        sentinel.daemon().freeze();
    }
    watched.fails("timeout", Some("handshake")).await;
    for sentinel in &group.sentinels {
        sentinel.daemon().thaw();
    }
    watched.until("pass").await;
}

/// Scenario: a group that no sentinel watches; a server in the place of a sentinel; nobody there. Guarantees: missing,
/// protocol, refused.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_watched_is_missing() {
    let group = Group::start().await;
    let sentinel = group.sentinels[0].address();
    for (host, name, reason, phase) in [
        (sentinel, "other", "missing", "query"),
        (group.master.address(), GROUP, "protocol", "query"),
        ((own_loopback(), 26379).into(), GROUP, "refused", "connect"),
    ] {
        let url = format!("redis-sentinel://{host}/{name}");
        let watched = Watched::start(&[("url", url.into())]).await;
        watched.fails(reason, Some(phase)).await;
    }
}

/// Scenario: the master is killed; the sentinels choose the replica; the old master comes back. Guarantees: a failure in
/// between, then the new master with a warning that the old one is gone, then all is well, with the old one as a replica.
#[tokio::test(flavor = "multi_thread")]
async fn the_probe_follows_a_failover() {
    let mut group = Group::start().await;
    let watched = group.watched(&[]).await;
    watched.passes().await;
    group.master.kill();
    let check = watched.fails("refused", Some("connect")).await;
    let message = check["message"].as_str().unwrap();
    let named = format!("the sentinels name {} as master", group.master.address());
    assert!(message.contains(&named), "{message}");
    group.all_name(&group.replica).await;
    let gone = format!("the replica {} does not answer", group.master.address());
    let check = watched.warns(&gone).await;
    assert_eq!(
        check["facts"]["master"],
        group.replica.address().to_string()
    );
    group.master.start_again().await;
    let check = watched.passes().await;
    // On a machine that is busy enough, the sentinels may have changed their mind once more.
    let facts = &check["facts"];
    let mut both = [&facts["master"], &facts["replicas"][0]["name"]].map(Value::to_string);
    both.sort();
    let mut servers =
        [&group.master, &group.replica].map(|server| json!(server.address()).to_string());
    servers.sort();
    assert_eq!(both, servers);
}

/// Scenario: the replica is made to follow another server, then to be a master of its own; the sentinels put both right.
/// Guarantees: a warning that names the replica and whom it follows, then one that it takes writes; then it passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_goes_astray_is_named() {
    let group = Group::start().await;
    let other = RedisServer::start(&[]).await;
    let watched = group.watched(&[]).await;
    watched.passes().await;
    let host = other.host().to_string();
    group.replica.cli(&["REPLICAOF", &host, "6379"]).await;
    let astray = format!(
        "the replica {} follows {}",
        group.replica.address(),
        other.address()
    );
    watched.warns(&astray).await;
    watched
        .reading_where("redis_sentinel_replicas_following", "", |count| {
            count == 0.0
        })
        .await;
    group.replica.cli(&["REPLICAOF", "NO", "ONE"]).await;
    watched.warns("but says that it is a master").await;
    let (host, port) = (group.master.host().to_string(), "6379");
    group.replica.cli(&["REPLICAOF", &host, port]).await;
    watched.passes().await;
}

/// Scenario: two sentinels that were told different masters for the same group. Guarantees: disagreement, with who says what.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_disagree_are_named() {
    let (one, other) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let sentinels = [
        SentinelServer::start(&one, 1).await,
        SentinelServer::start(&other, 1).await,
    ];
    let [first, second] = sentinels.each_ref().map(SentinelServer::address);
    let settings = [
        ("url", format!("redis-sentinel://{first}/{GROUP}").into()),
        ("redis.sentinels", json!([second.to_string()])),
        ("timeout", json!("4s")),
    ];
    let watched = Watched::start(&settings).await;
    let check = watched.fails("disagreement", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    for (sentinel, master) in [(first, one.address()), (second, other.address())] {
        assert!(
            message.contains(&format!("{sentinel} says {master}")),
            "{message}"
        );
    }
}

/// Scenario: a master with a password that the sentinels do not have. Guarantees: auth in the handshake, naming the master;
/// with `server_password` it passes, and the sentinels are not told it.
#[tokio::test(flavor = "multi_thread")]
async fn servers_have_a_password_of_their_own() {
    let master = RedisServer::idle(&["--requirepass", "correct-horse"]);
    let mut master = master.with_cli(&["-a", "correct-horse"]);
    master.start_again().await;
    let sentinel = SentinelServer::start(&master, 1).await;
    sentinel
        .cli(&["SENTINEL", "SET", GROUP, "auth-pass", "correct-horse"])
        .await;
    let url = format!("redis-sentinel://{}/{GROUP}", sentinel.address());
    let watched = Watched::start(&[("url", url.clone().into()), ("timeout", json!("4s"))]).await;
    let check = watched.fails("auth", Some("handshake")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains(&master.address().to_string()),
        "{check}"
    );
    let settings = [
        ("url", url.into()),
        ("timeout", json!("4s")),
        ("redis.server_password", "correct-horse".into()),
    ];
    Watched::start(&settings).await.passes().await;
}

/// Scenario: a sentinel and a master that speak TLS only, with certificates of an authority of their own. Guarantees: both are
/// asked over TLS, and the end of the certificates is told; without the authority it is certificate, in tls.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_servers_speak_tls() {
    let authority = Authority::new();
    let mut master = RedisServer::idle(&[]);
    let files = TlsFiles::write(&authority, master.host(), master.directory());
    master.speak_tls(&files, "no");
    master.start_again().await;
    let mut sentinel = SentinelServer::idle(&master, 1);
    let host = match sentinel.address().ip() {
        IpAddr::V4(host) => host,
        IpAddr::V6(_) => unreachable!("loopbacks are IPv4"),
    };
    let own = TlsFiles::write(&authority, host, sentinel.directory());
    sentinel.speak_tls(&own);
    sentinel.start_again().await;
    let url = format!("rediss-sentinel://{}/{GROUP}", sentinel.address());
    let settings = [
        ("url", url.clone().into()),
        ("timeout", json!("4s")),
        ("tls.ca_file", own.ca.into()),
    ];
    let watched = Watched::start(&settings).await;
    let check = watched.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    let span = watched.span().await;
    let one = ["resolve", "connect", "tls", "handshake", "query"];
    assert_eq!(span.phases, [one, one].concat());
    let distrusting = [("url", url.into()), ("timeout", json!("4s"))];
    let distrusting = Watched::start(&distrusting).await;
    distrusting.fails("certificate", Some("tls")).await;
}
