//! Answers in a Redis that agents share.

use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::fixture::Authority;
use crate::probes::servers::{RedisServer, TlsFiles};

/// An agent that keeps answers there, and has found it.
async fn agent(upstream: &Upstream, redis: &RedisServer) -> Agent {
    started(keeping(upstream).set("cache.url", redis.url("/2"))).await
}

async fn started(config: Config) -> Agent {
    let agent = Agent::start(config.set("cache.timeout", "500ms")).await;
    is_used(&agent, true).await;
    agent
}

/// Waits until the shared layer can be used, or cannot.
async fn is_used(agent: &Agent, is_used: bool) {
    eventually("the shared layer as expected", PATIENCE, async || {
        let issues = cache(agent).await["health"]["issues"].to_string();
        (issues.contains("cannot be reached") != is_used).then_some(())
    })
    .await;
}

async fn keys(redis: &RedisServer) -> Vec<String> {
    let said = redis.cli(&["-n", "2", "KEYS", "*"]).await;
    said.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn a_key(redis: &RedisServer) -> String {
    let what = "a key in the shared layer";
    eventually(what, PATIENCE, async || keys(redis).await.pop()).await
}

/// Scenario: two agents, one Redis; a small and a large answer. Guarantees: what one was told the other knows; keys are the cache's own, end with the
/// answer, and hold nothing in plain text that is large; both layers are counted.
#[tokio::test]
async fn agents_share_what_they_keep() {
    let redis = RedisServer::start(&[]).await;
    let upstream = Upstream::start().await;
    let text = "lineside ".repeat(10_000);
    let body = text.clone();
    upstream.decide(move |seen: &Seen| {
        let body = if seen.target == "/large" {
            &body
        } else {
            "small"
        };
        let headers = [
            ("cache-control", "max-age=60, stale-if-error=30"),
            ("vary", "accept"),
        ];
        Answer::reply(200, &headers, body)
    });
    let one = agent(&upstream, &redis).await;
    let other = agent(&upstream, &redis).await;
    for (path, body) in [("/up/small", "small"), ("/up/large", &*text)] {
        assert_eq!(get(&one, path).await.text(), body);
        let known = eventually("the answer from the other agent", PATIENCE, async || {
            let only = get_with(&other, path, &[("cache-control", "only-if-cached")]).await;
            (only.status == 200).then_some(only)
        })
        .await;
        assert_eq!(known.text(), body);
        assert!(told(&known).ends_with("detail=L2"), "{}", told(&known));
        assert!(told(&get(&other, path).await).ends_with("detail=L1"));
    }
    assert_eq!(upstream.count(), 2);
    let keys = keys(&redis).await;
    assert_eq!(
        keys.len(),
        4,
        "two answers, and on which headers each depends: {keys:?}"
    );
    for key in &keys {
        assert!(key.starts_with("lineside:cache:1:"), "{key}");
        let ttl: u64 = redis
            .cli(&["-n", "2", "TTL", key])
            .await
            .trim()
            .parse()
            .unwrap();
        assert!(
            (1..=90).contains(&ttl) || (3500..=3600).contains(&ttl),
            "{key}: {ttl}"
        );
        let length: usize = redis
            .cli(&["-n", "2", "STRLEN", key])
            .await
            .trim()
            .parse()
            .unwrap();
        assert!(length < 2000, "{key}: {length}");
    }
    let (first, second) = (cache(&one).await, cache(&other).await);
    assert_eq!(first["L2"]["metrics"]["sets"], 4, "{first}");
    assert!(
        first["L2"]["metrics"]["compressionRatio"].as_f64().unwrap() > 5.0,
        "{first}"
    );
    assert_eq!(second["L2"]["metrics"]["hits"], 2, "{second}");
    assert!(other.metric("cache_L2_hit_rate", "").await > 0.0);
}

/// Scenario: Redis hangs, goes, and comes back with what it had; what was kept is changed meanwhile. Guarantees: callers are answered all the while and
/// hardly wait; what was changed is not found again; in the end the layer is used as before; the log says each change once.
#[tokio::test]
async fn a_redis_that_fails_is_no_callers_concern() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().to_str().unwrap();
    let mut redis = RedisServer::start(&["--appendonly", "yes", "--dir", file]).await;
    let upstream = counting().await;
    let agent = agent(&upstream, &redis).await;
    assert_eq!(get(&agent, "/up/a").await.text(), "1");
    a_key(&redis).await;
    redis.daemon().freeze();
    for number in 0..10 {
        let began = Instant::now();
        assert_eq!(
            get(&agent, &format!("/up/frozen-{number}")).await.status,
            200
        );
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
    is_used(&agent, false).await;
    let began = Instant::now();
    for number in 0..100 {
        assert_eq!(get(&agent, &format!("/up/down-{number}")).await.status, 200);
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    redis.kill();
    assert_eq!(get(&agent, "/up/a").await.text(), "1", "memory has it");
    ask(&agent, Request::post("/up/a"), "x").await;
    redis.start_again().await;
    is_used(&agent, true).await;
    let changed = get(&agent, "/up/a").await.text();
    assert_ne!(changed, "1");
    let other = self::agent(&upstream, &redis).await;
    let what = "what is kept anew, at the other agent";
    eventually(what, PATIENCE, async || {
        let only = get_with(&other, "/up/a", &[("cache-control", "only-if-cached")]).await;
        assert_ne!(only.text(), "1");
        (only.text() == changed).then_some(())
    })
    .await;
    let log = agent.log();
    assert!(log.contains("the shared cache cannot be used"), "{log}");
    let (ups, downs) = (
        "the shared cache is used",
        "the shared cache cannot be used",
    );
    let (ups, downs) = (log.matches(ups).count(), log.matches(downs).count());
    assert!(ups > 0 && downs < 20, "{ups} {downs}: {log}");
    agent.assert_no_panic();
}

/// Scenario: something else writes under the cache's keys: rubbish, a list, an endless value. Guarantees: the upstream is asked, and the answer is kept
/// anew.
#[tokio::test]
async fn foreign_bytes_are_a_miss() {
    let redis = RedisServer::start(&[]).await;
    let upstream = counting().await;
    let one = agent(&upstream, &redis).await;
    get(&one, "/up/a").await;
    let key = a_key(&redis).await;
    for (count, write) in (2..).zip([
        &["SET", &key, "rubbish"][..],
        &["LPUSH", &key, "rubbish"],
        &["SETRANGE", &key, "50000000", "x"],
    ]) {
        redis.cli(&["-n", "2", "DEL", &key]).await;
        redis.cli(&[&["-n", "2"], write].concat()).await;
        let other = agent(&upstream, &redis).await;
        let reply = get(&other, "/up/a").await;
        assert_eq!(
            (reply.status.as_u16(), upstream.count()),
            (200, count),
            "{write:?}"
        );
        assert!(
            cache(&other).await["L2"]["metrics"]["errors"]
                .as_u64()
                .unwrap()
                > 0
        );
        other.assert_no_panic();
    }
}

/// Scenario: a Redis that wants TLS and a password, and an agent that has them; then one with a wrong password. Guarantees: the first uses it; the
/// second answers without it, and tells why without the password.
#[tokio::test]
async fn logging_in_works_and_tells() {
    const PASSWORD: &str = "hunter2-right";
    const WRONG: &str = "hunter2-wrong";
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    let mut redis = RedisServer::idle(&[]);
    let files = TlsFiles::write(&authority, redis.host(), directory.path());
    redis.speak_tls(&files, "no");
    redis.start_again().await;
    redis.cli(&["CONFIG", "SET", "requirepass", PASSWORD]).await;
    let upstream = counting().await;
    let config = |password: &str| {
        keeping(&upstream)
            .set("cache.url", format!("rediss://{}/2", redis.address()))
            .set("cache.password", password)
            .set("cache.tls.ca_file", files.ca.as_str())
    };
    let right = started(config(PASSWORD)).await;
    get(&right, "/up/a").await;
    eventually("the answer in Redis", PATIENCE, async || {
        let sets = cache(&right).await["L2"]["metrics"]["sets"].as_u64();
        (sets == Some(1)).then_some(())
    })
    .await;
    let wrong = Agent::start(config(WRONG)).await;
    assert_eq!(get(&wrong, "/up/b").await.status, 200);
    eventually("a word about the password", PATIENCE, async || {
        wrong.log().contains("refuses the").then_some(())
    })
    .await;
    let all = wrong.log() + &wrong.metrics().await + &cache(&wrong).await.to_string();
    assert!(!all.contains(WRONG) && !all.contains("hunter2"), "{all}");
}
