//! Holding a key while its request runs: several at once, callers that go, holds that are lost, a store that is away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::rig::{Rig, Upstream, answer, charge, eventually};
use crate::gateway::keys::sweep_for_ever;

/// An upstream that answers once for each permit that is added to the gate.
fn gated() -> (Upstream, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let upstream = Upstream::new(move |_| {
        let gate = Arc::clone(&waiting);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(answer(200, "done"))
        }
    });
    (upstream, gate)
}

/// Scenario: many requests with one key at once. Guarantees: one runs; the others get 409 with the time after which to ask again, and then
/// its answer.
#[tokio::test]
async fn one_of_many_runs() {
    let rig = Arc::new(Rig::new().await);
    let (upstream, gate) = gated();
    let ask = || {
        let (rig, upstream) = (Arc::clone(&rig), upstream.clone());
        tokio::spawn(async move { rig.ask(charge("k", "a"), &upstream).await })
    };
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    let conflicts = async || rig.keys.0.tasks.len() == 1;
    eventually("19 refusals", async || conflicts().await.then_some(())).await;
    gate.add_permits(1);
    let mut statuses = Vec::new();
    for given in asked {
        let given = given.await.unwrap();
        assert_eq!(
            given.header("retry-after"),
            (given.status == 409).then_some("1"),
            "{given:?}"
        );
        statuses.push(given.status);
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[19]), (200, 409, 409));
    assert!(rig.ask(charge("k", "a"), &upstream).await.is_replay());
    assert_eq!(upstream.requests(), 1);
}

/// Scenario: a caller hangs up while its request is at the upstream, and comes again.
/// Guarantees: the request goes on, its answer is kept, and the caller gets it; who waits for the tasks waits for it.
#[tokio::test]
async fn a_caller_that_hangs_up_cancels_nothing() {
    let rig = Rig::new().await;
    let (upstream, gate) = gated();
    let asking = rig.ask(charge("k", "a"), &upstream);
    let running = eventually("it runs", async || (upstream.requests() == 1).then_some(()));
    tokio::select! {
        given = asking => panic!("{given:?}"),
        () = running => {}
    }
    assert_eq!(rig.ask(charge("k", "a"), &upstream).await.status, 409);
    rig.keys.0.tasks.close();
    let mut drained = Box::pin(rig.keys.0.tasks.wait());
    assert!(futures_ready(&mut drained).await.is_none());
    gate.add_permits(1);
    drained.await;
    assert!(rig.ask(charge("k", "a"), &upstream).await.is_replay());
    assert_eq!(upstream.requests(), 1);
}

/// What `future` gives if it is ready.
async fn futures_ready<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(given) => Some(given),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// Scenario: a request takes many times its lease, while keys are swept all the time.
/// Guarantees: its hold is renewed: it never counts as unknown, and its answer is kept.
#[tokio::test]
async fn a_hold_is_renewed_while_the_request_runs() {
    let rig = Arc::new(Rig::with(|settings| settings.lease = Duration::from_millis(600)).await);
    let sweeping = tokio::spawn(sweep_for_ever(rig.store.clone(), Duration::from_millis(20)));
    let (upstream, gate) = gated();
    let asking = {
        let (rig, upstream) = (Arc::clone(&rig), upstream.clone());
        tokio::spawn(async move { rig.ask(charge("k", "a"), &upstream).await })
    };
    let began = eventually("it runs", async || rig.shown().await.map(|key| key.until)).await;
    eventually("several leases", async || {
        let key = rig.shown().await.unwrap();
        assert_eq!(key.state, "running");
        let longer = key.until.duration_since(began).ok()?;
        (longer > Duration::from_millis(1500)).then_some(())
    })
    .await;
    gate.add_permits(1);
    assert_eq!(asking.await.unwrap().status, 200);
    assert!(rig.ask(charge("k", "a"), &upstream).await.is_replay());
    sweeping.abort();
}

/// Scenario: a request's task dies, as it has a fault. Guarantees: its caller is told that nobody knows; the key is held until the lease
/// ends, and then its outcome is unknown, never free.
#[tokio::test]
async fn a_task_that_dies_leaves_an_unknown_outcome() {
    let rig = Rig::with(|settings| settings.lease = Duration::from_millis(200)).await;
    let faulty = Upstream::new(async |_| panic!("a fault of the test"));
    let given = rig.ask(charge("k", "a"), &faulty).await;
    assert_eq!(given.status, 500, "{given:?}");
    let upstream = Upstream::answering(200, "");
    let detail = eventually("the lease ends", async || {
        let given = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!(given.status, 409, "{given:?}");
        Some(given.detail().to_owned()).filter(|detail| detail.contains("is not known"))
    })
    .await;
    assert!(detail.contains("lineside db settle"), "{detail}");
    assert_eq!(upstream.requests(), 0);
}

/// Scenario: the store does not take a claim, and later does. Guarantees: 503 with the time after which to come back; nothing ran and
/// nothing is left behind.
#[tokio::test]
async fn without_the_store_nothing_runs() {
    let rig = Rig::new().await;
    let upstream = Upstream::answering(200, "");
    let lock = rig.lock().await;
    let given = rig.ask(charge("k", "a"), &upstream).await;
    assert_eq!(
        (given.status, given.header("retry-after")),
        (503, Some("1"))
    );
    assert!(given.detail().contains("\"guard\":\"store\""), "{given:?}");
    assert_eq!(
        (upstream.requests(), rig.counted()),
        (0, vec!["store_away"])
    );
    drop(lock);
    eventually("the store takes claims", async || {
        (rig.ask(charge("k", "a"), &upstream).await.status == 200).then_some(())
    })
    .await;
}

/// Scenario: the store goes away while a request runs, and comes back later.
/// Guarantees: the caller gets its answer; until it can be written nothing else runs, and then a repeated request gets it as well.
#[tokio::test]
async fn an_answer_is_written_as_soon_as_the_store_takes_it() {
    let rig = Rig::new().await;
    let (upstream, gate) = gated();
    let asking = rig.ask(charge("k", "a"), &upstream);
    let leaving = async {
        eventually("it runs", async || (upstream.requests() == 1).then_some(())).await;
        let lock = rig.lock().await;
        gate.add_permits(1);
        lock
    };
    let (given, lock) = tokio::join!(asking, leaving);
    assert_eq!((given.status, given.is_replay()), (200, false));
    assert_eq!(rig.counted(), ["run"]);
    assert_eq!(rig.shown().await.unwrap().state, "running");
    drop(lock);
    eventually("the answer is written", async || {
        let given = rig.ask(charge("k", "a"), &upstream).await;
        given.is_replay().then_some(())
    })
    .await;
    assert_eq!(upstream.requests(), 1);
}
