//! Idempotency keys: who holds one, and what came of it.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lineside::resilience::idempotency::{Caller, Fingerprint, Fingerprinted, Key};
use lineside::store::{
    Claim, Claiming, Finished, Held, Hold, KeptAnswer, KeyFilter, KeyId, Settled, Store, Terms,
    Verdict,
};

use super::databases;

const HOUR: Duration = Duration::from_secs(3600);

/// A lease that has ended when it begins: no test waits for time to pass.
const NO_TIME: Duration = Duration::ZERO;

pub fn id(key: &str) -> KeyId {
    KeyId {
        route: "stripe".to_owned(),
        caller: Caller::of(b"ann"),
        key: Key::parse(key.as_bytes()).unwrap(),
    }
}

pub fn fingerprint(body: &str) -> Fingerprint {
    Fingerprint::of(&Fingerprinted {
        method: &Method::POST,
        route: "stripe",
        host: b"api.stripe.com",
        target: "/v1/charges",
        caller: &Caller::of(b"ann"),
        content_type: None,
        body: body.as_bytes(),
    })
}

/// A claim on `key` by a request with `body`.
pub fn claiming(store: &Store, key: &str, body: &str, lease: Duration, repeat: bool) -> Claiming {
    Claiming {
        id: id(key),
        fingerprint: fingerprint(body),
        terms: Terms {
            lease,
            keep_unknown_for: HOUR,
            repeat_unknown: repeat,
        },
        owner: store.next_owner(),
    }
}

async fn claim(store: &Store, key: &str, body: &str) -> Claim {
    let claiming = claiming(store, key, body, HOUR, false);
    store.claim(&claiming).await.unwrap()
}

async fn hold(store: &Store, key: &str, lease: Duration) -> Hold {
    let claiming = claiming(store, key, "a", lease, false);
    match store.claim(&claiming).await.unwrap() {
        Claim::Run(hold) => hold,
        other => panic!("{other:?}"),
    }
}

pub fn answer(body: &str) -> KeptAnswer {
    KeptAnswer {
        status: 201,
        head: b"content-type: text/plain\nx: \xff\n".to_vec(),
        body: Bytes::from(body.to_owned()),
    }
}

/// Scenario: a request runs and is answered; the same comes again meanwhile, afterwards, and when the answer's time is over;
/// another comes with the same key; the same key comes from another caller and on another route.
/// Guarantees: one runs at a time and once; a repeated one gets the same answer, byte for byte; another request gets a mismatch at
/// every time; callers and routes have keys of their own.
#[tokio::test]
async fn a_request_runs_once() {
    for database in databases().await {
        let store = database.open().await;
        let held = hold(&store, "k", HOUR).await;
        assert_eq!(
            claim(&store, "k", "a").await,
            Claim::InFlight,
            "{}",
            database.name
        );
        assert_eq!(claim(&store, "k", "b").await, Claim::Mismatch);
        let finished = Finished::Kept(answer("it is done\0\u{1}"));
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Yes
        );
        let replay = Claim::Replay(answer("it is done\0\u{1}"));
        assert_eq!(claim(&store, "k", "a").await, replay);
        assert_eq!(claim(&store, "k", "b").await, Claim::Mismatch);
        for other in [
            KeyId {
                route: "shop".to_owned(),
                ..id("k")
            },
            KeyId {
                caller: Caller::of(b"bob"),
                ..id("k")
            },
        ] {
            let claiming = Claiming {
                id: other,
                ..claiming(&store, "k", "a", HOUR, false)
            };
            let claim = store.claim(&claiming).await.unwrap();
            assert!(matches!(claim, Claim::Run(_)), "{claim:?}");
        }
        // Said again, as after an answer of the database that was lost.
        assert_eq!(
            store.finish(&held, &finished, NO_TIME).await.unwrap(),
            Held::Yes
        );
        assert_eq!(claim(&store, "k", "a").await, replay);
        store.close().await;
    }
}

/// Scenario: answers that are not kept, whose time is over, and requests that did nothing.
/// Guarantees: of the first the status is known; the second and third may run again, with another payload as well.
#[tokio::test]
async fn keys_end_and_are_released() {
    for database in databases().await {
        let store = database.open().await;
        let held = hold(&store, "large", HOUR).await;
        let finished = Finished::Status(200);
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Yes
        );
        let not_kept = Claim::NotKept { status: Some(200) };
        assert_eq!(claim(&store, "large", "a").await, not_kept);

        let held = hold(&store, "ended", HOUR).await;
        let finished = Finished::Kept(answer("old"));
        assert_eq!(
            store.finish(&held, &finished, NO_TIME).await.unwrap(),
            Held::Yes
        );
        let again = claim(&store, "ended", "b").await;
        assert!(
            matches!(again, Claim::Run(_)),
            "{}: {again:?}",
            database.name
        );
        // Who held it before has nothing to say any more.
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Lost
        );

        let held = hold(&store, "released", HOUR).await;
        assert_eq!(store.release(&held).await.unwrap(), Held::Yes);
        assert_eq!(store.release(&held).await.unwrap(), Held::Lost);
        let again = claim(&store, "released", "b").await;
        assert!(matches!(again, Claim::Run(_)), "{again:?}");
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Lost
        );
        store.close().await;
    }
}

/// Scenario: a holder lets go without a word, and the key is claimed or swept; the holder comes back; another policy repeats.
/// Guarantees: the outcome is unknown and said to be, since when it was claimed; renewing finds out; what the holder knows is written
/// as long as nobody has taken over, and never afterwards.
#[tokio::test]
async fn silence_makes_an_outcome_unknown() {
    for database in databases().await {
        let store = database.open().await;
        let unknown = |claim: Claim| match claim {
            Claim::Unknown { since } => assert!(since.elapsed().unwrap() < HOUR),
            other => panic!("{}: {other:?}", database.name),
        };
        let held = hold(&store, "claimed", NO_TIME).await;
        unknown(claim(&store, "claimed", "a").await);
        assert_eq!(claim(&store, "claimed", "b").await, Claim::Mismatch);
        assert_eq!(store.renew(&held).await.unwrap(), Held::Lost);
        let finished = Finished::Kept(answer("late"));
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Yes
        );
        assert_eq!(
            claim(&store, "claimed", "a").await,
            Claim::Replay(answer("late"))
        );

        let held = hold(&store, "swept", NO_TIME).await;
        let swept = store.sweep(10).await.unwrap();
        let keys: Vec<_> = swept
            .expired
            .iter()
            .map(|expired| expired.key.as_str())
            .collect();
        assert_eq!((keys, swept.removed), (vec!["swept"], 0));
        unknown(claim(&store, "swept", "a").await);
        for body in ["a", "b"] {
            let repeating = claiming(&store, "swept", body, HOUR, true);
            let claim = store.claim(&repeating).await.unwrap();
            assert_eq!(matches!(claim, Claim::Run(_)), body == "a", "{claim:?}");
            assert_eq!(claim == Claim::Mismatch, body == "b", "{claim:?}");
        }
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Lost
        );
        assert_eq!(store.release(&held).await.unwrap(), Held::Lost);
        assert_eq!(store.give_up(&held).await.unwrap(), Held::Lost);
        assert_eq!(claim(&store, "swept", "a").await, Claim::InFlight);

        let held = hold(&store, "given-up", HOUR).await;
        assert_eq!(store.give_up(&held).await.unwrap(), Held::Yes);
        assert_eq!(store.give_up(&held).await.unwrap(), Held::Yes);
        unknown(claim(&store, "given-up", "a").await);
        store.close().await;
    }
}

/// Scenario: a lease is renewed. Guarantees: it holds for that long again.
#[tokio::test]
async fn a_renewed_lease_holds() {
    for database in databases().await {
        let store = database.open().await;
        let short = claiming(&store, "k", "a", Duration::from_millis(400), false);
        let Claim::Run(held) = store.claim(&short).await.unwrap() else {
            panic!("{}", database.name);
        };
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(store.renew(&held).await.unwrap(), Held::Yes);
            assert_eq!(store.sweep(10).await.unwrap().expired, []);
        }
        store.close().await;
    }
}

/// Scenario: a claim whose answer was lost is withdrawn; the same where another holds the key by now.
/// Guarantees: the key is free at once; the other's hold stays.
#[tokio::test]
async fn a_claim_is_withdrawn() {
    for database in databases().await {
        let store = database.open().await;
        let lost = claiming(&store, "k", "a", HOUR, false);
        assert!(!store.withdraw(&lost).await.unwrap());
        assert!(matches!(store.claim(&lost).await.unwrap(), Claim::Run(_)));
        assert!(store.withdraw(&lost).await.unwrap());
        let held = hold(&store, "k", HOUR).await;
        assert!(!store.withdraw(&lost).await.unwrap(), "{}", database.name);
        assert_eq!(store.renew(&held).await.unwrap(), Held::Yes);
        store.close().await;
    }
}

/// Scenario: more keys than a batch have ended, and more than a batch lost their holders; others are in use.
/// Guarantees: each sweep does a batch and no more; in the end what has ended is gone, and nothing else.
#[tokio::test]
async fn sweeps_come_in_batches() {
    for database in databases().await {
        let store = database.open().await;
        for number in 0..5 {
            let held = hold(&store, &format!("ended-{number}"), HOUR).await;
            let finished = Finished::Kept(answer("old"));
            assert_eq!(
                store.finish(&held, &finished, NO_TIME).await.unwrap(),
                Held::Yes
            );
            let _ = hold(&store, &format!("dead-{number}"), NO_TIME).await;
        }
        let _ = hold(&store, "running", HOUR).await;
        let held = hold(&store, "done", HOUR).await;
        let finished = Finished::Status(204);
        assert_eq!(
            store.finish(&held, &finished, HOUR).await.unwrap(),
            Held::Yes
        );
        let mut done = Vec::new();
        for _ in 0..4 {
            let swept = store.sweep(2).await.unwrap();
            done.push((swept.expired.len(), swept.removed));
        }
        assert_eq!(done, [(2, 2), (2, 2), (1, 1), (0, 0)], "{}", database.name);
        let all = store
            .list_keys(&KeyFilter {
                limit: 100,
                ..KeyFilter::default()
            })
            .await
            .unwrap();
        let count = |state: &str| all.0.iter().filter(|key| key.state == state).count();
        assert_eq!(
            [count("running"), count("done"), count("unknown")],
            [1, 1, 5]
        );
        store.close().await;
    }
}

/// Scenario: an operator settles keys of every state, with and without saying whose. Guarantees: only what is unknown is settled, as
/// the operator says; a holder that comes back late writes nothing; a key that several callers have needs the caller.
#[tokio::test]
async fn operators_settle_what_is_unknown() {
    for database in databases().await {
        let store = database.open().await;
        let settle = async |key: &str, caller: &str, verdict| {
            store.settle("stripe", key, caller, verdict).await.unwrap()
        };
        assert_eq!(settle("none", "", Verdict::Ran).await, Settled::NoSuchKey);
        let held = hold(&store, "ran", HOUR).await;
        let running = Settled::NotUnknown("running".to_owned());
        assert_eq!(settle("ran", "", Verdict::Ran).await, running);
        assert_eq!(store.give_up(&held).await.unwrap(), Held::Yes);
        assert_eq!(settle("ran", "", Verdict::Ran).await, Settled::Yes);
        assert_eq!(
            claim(&store, "ran", "a").await,
            Claim::NotKept { status: None }
        );
        assert_eq!(
            store
                .finish(&held, &Finished::Status(200), HOUR)
                .await
                .unwrap(),
            Held::Lost
        );

        let ann = hold(&store, "two", HOUR).await;
        assert_eq!(store.give_up(&ann).await.unwrap(), Held::Yes);
        let of_bob = KeyId {
            caller: Caller::of(b"bob"),
            ..id("two")
        };
        let of_bob = Claiming {
            id: of_bob,
            ..claiming(&store, "two", "a", NO_TIME, false)
        };
        assert!(matches!(store.claim(&of_bob).await.unwrap(), Claim::Run(_)));
        assert_eq!(
            settle("two", "", Verdict::NeverRan).await,
            Settled::Several(2)
        );
        let caller = Caller::of(b"ann").as_str()[..12].to_owned();
        assert_eq!(
            settle("two", &caller, Verdict::NeverRan).await,
            Settled::Yes
        );
        assert_eq!(
            store
                .finish(&ann, &Finished::Status(200), HOUR)
                .await
                .unwrap(),
            Held::Lost
        );
        let again = claim(&store, "two", "b").await;
        assert!(
            matches!(again, Claim::Run(_)),
            "{}: {again:?}",
            database.name
        );
        store.close().await;
    }
}

/// Scenario: two agents, each with many tasks, claim the same keys at once, again and again.
/// Guarantees: each key is held by exactly one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claims_at_once_one_holds() {
    const KEYS: usize = 20;
    const CLAIMS: usize = 16;
    for database in databases().await {
        let agents = [database.open().await, database.open().await];
        for key in 0..KEYS {
            let claims = (0..CLAIMS).map(|number| {
                let store = agents[number % 2].clone();
                tokio::spawn(async move { claim(&store, &format!("k{key}"), "a").await })
            });
            let claims: Vec<_> = claims.collect();
            let mut held = 0;
            for claim in claims {
                match claim.await.unwrap() {
                    Claim::Run(_) => held += 1,
                    Claim::InFlight => {}
                    other => panic!("{}: {other:?}", database.name),
                }
            }
            assert_eq!(held, 1, "{}", database.name);
        }
        for store in agents {
            store.close().await;
        }
    }
}
