//! Two agents that share a PostgreSQL.

use std::time::Duration;

use super::{is_replayed, is_unknown, keyed, order, post};
use crate::fixture::{Agent, Config, Connection, eventually};
use crate::gateway::fixture::{Answer, Raw, Step, Upstream, problem, to};
use crate::probes::servers::Postgres;

/// Keeps keys in a database of its own on `postgres`, as a user that owns nothing else.
pub(super) async fn on(config: Config, postgres: &Postgres) -> Config {
    let databases = "CREATE DATABASE lineside OWNER probe";
    postgres.sql(databases).await;
    let url = format!("postgres://probe@{}/lineside", postgres.address());
    config
        .set("store.url", url)
        .set("store.password", Postgres::PASSWORD)
}

/// Two agents with the same keys.
async fn two(config: Config, postgres: &Postgres) -> [Agent; 2] {
    let config = on(config, postgres).await;
    // The first to come migrates; the other waits for it.
    let (one, other) = tokio::join!(Agent::start(config.clone()), Agent::start(config));
    [one, other]
}

/// Scenario: the same request to both agents at once, twenty times with a new key. Guarantees: it runs once; one gets its answer,
/// the other the same or 409, and afterwards both give that answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_to_both_at_once_runs_once() {
    let (upstream, postgres) = (Upstream::start().await, Postgres::start().await);
    let agents = two(keyed(&upstream), &postgres).await;
    upstream.decide(|seen| {
        let key = seen.header("idempotency-key").unwrap_or_default();
        Answer::reply(201, &[], key).after(Step::Pause(Duration::from_millis(20)))
    });
    let mut connections = Vec::new();
    for agent in &agents {
        connections.push(
            Connection::open(agent.gateway(), false, None)
                .await
                .unwrap(),
        );
    }
    for round in 0..20 {
        let key = format!("round-{round}");
        let [one, other] = &mut connections[..] else {
            unreachable!()
        };
        let (one, other) = tokio::join!(
            one.send(to(agents[0].gateway(), order(&key), "{}")),
            other.send(to(agents[1].gateway(), order(&key), "{}"))
        );
        let replies = [one.unwrap(), other.unwrap()];
        let ran = replies
            .iter()
            .filter(|reply| reply.status == 201 && !is_replayed(reply));
        assert_eq!(ran.count(), 1, "{replies:?}");
        for reply in replies.iter().filter(|reply| reply.status != 201) {
            problem(reply, 409, "idempotency");
        }
        assert_eq!(upstream.count(), round + 1, "{key} ran more than once");
        for agent in &agents {
            let again = post(agent, &key, "{}").await;
            assert_eq!((again.status.as_u16(), again.text()), (201, key.clone()));
            assert!(is_replayed(&again));
        }
    }
}

/// Scenario: one agent is killed while a request runs; the other is asked with the same key. Guarantees: in flight while the hold
/// lasts, then unknown, which it says; nothing runs twice, and the dead one cannot change that when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn one_agents_death_is_known_to_the_other() {
    let (upstream, postgres) = (Upstream::start().await, Postgres::start().await);
    let config = keyed(&upstream).set("route.up.idempotency.lease", "1s");
    let [mut dying, other] = two(config, &postgres).await;
    upstream.always(Answer::hang());
    let mut raw = Raw::open(dying.gateway()).await;
    raw.send("POST /up/orders HTTP/1.1\r\nhost: g\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").await;
    upstream.seen_at_least(1).await;
    problem(&post(&other, "k", "{}").await, 409, "idempotency");
    dying.kill9();
    eventually(
        "the outcome is unknown",
        Duration::from_secs(15),
        async || {
            let told = problem(&post(&other, "k", "{}").await, 409, "idempotency");
            is_unknown(&told).then_some(())
        },
    )
    .await;
    dying.restart().await;
    problem(&post(&dying, "k", "{}").await, 409, "idempotency");
    assert_eq!(upstream.count(), 1);
}
