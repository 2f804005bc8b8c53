//! Everything that the agent depends on is frozen, and it still answers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::greeter::Greeter;
use crate::fixture::{Agent, Config, Connection, Gate, Mode, eventually};

const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a loaded machine and asking every 10 ms may add.
const SLACK: Duration = Duration::from_millis(500);

fn probes(count: usize, gate: &Gate) -> Config {
    (0..count).fold(Config::new(), |config, number| {
        let key = |setting: &str| format!("probe.greeter-{number}.{setting}");
        config
            .set(&key("url"), format!("tcp://{}", gate.address()))
            .set(&key("tcp.expect"), "^220 ")
            .set(&key("every"), "1s")
            .set(&key("timeout"), "1s")
            .set(&key("failures"), 1)
            .set(&key("recoveries"), 1)
    })
}

async fn ready_answers(agent: &Agent, status: u16) -> Duration {
    let began = Instant::now();
    let what = format!("/health/ready answers {status}");
    eventually(&what, Duration::from_secs(20), async || {
        let reply = agent.get("/health/ready").await?;
        (reply.status == status).then_some(())
    })
    .await;
    began.elapsed()
}

/// The median of what `/health/live` takes on a connection that is kept.
async fn live_takes(agent: &Agent) -> Duration {
    let mut connection = Connection::open(agent.api(), false, None).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..300 {
        let request = Request::get("/health/live")
            .header("host", "agent")
            .body(Full::<Bytes>::default());
        let began = Instant::now();
        let reply = connection.send(request.unwrap()).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(reply.status, 200);
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Scenario: 40 required dependencies answer, freeze all at once, and thaw. Guarantees: readiness turns within one interval
/// and the timeout, and back within as long; meanwhile `/health/live` answers in under a millisecond.
#[tokio::test]
async fn readiness_turns_in_time_and_liveness_never() {
    let greeter = Greeter::start().await;
    let gate = Gate::before(greeter.address).await;
    let agent = Agent::start(probes(40, &gate)).await;
    ready_answers(&agent, 200).await;

    gate.set(Mode::Mute).await;
    let turned = ready_answers(&agent, 503).await;
    assert!(turned <= EVERY + TIMEOUT + SLACK, "took {turned:?}");
    let reply = agent.get("/health/ready").await.unwrap().text();
    assert!(reply.contains("greeter-"), "{reply}");

    // One quiet moment of the machine is enough to see what an answer takes.
    let what = "/health/live answers in under 1 ms";
    eventually(what, Duration::from_secs(20), async || {
        let median = live_takes(&agent).await;
        (median < Duration::from_millis(1)).then_some(())
    })
    .await;

    gate.set(Mode::Pass).await;
    let turned = ready_answers(&agent, 200).await;
    assert!(turned <= EVERY + TIMEOUT + SLACK, "took {turned:?}");
}
