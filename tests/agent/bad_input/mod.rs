//! Whatever comes in: a clear answer, no panic, and nobody else notices.

mod bodies;
mod compression;
mod connections;

use std::time::Duration;

use crate::fixture::{Agent, Answer, Config, Load, LoadPlan, Sink, Transport};

const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;

/// An agent with small limits, and senders of good requests beside whoever sends bad ones.
struct Besieged {
    agent: Agent,
    sink: Sink,
    good: Load,
}

impl Besieged {
    async fn start() -> Besieged {
        let sink = Sink::start().await;
        let config = Config::to(&sink)
            .set("receive.max_body", "256KiB")
            .set("receive.max_inflated", "1MiB")
            .set("receive.header_timeout", "2s")
            .set("receive.body_timeout", "2s");
        let agent = Agent::start(config).await;
        let plan = LoadPlan {
            senders: 4,
            items: 5,
            padding: 0,
            pause: Duration::from_millis(5),
        };
        let good = Load::start(&agent, plan, &Default::default());
        Besieged { agent, sink, good }
    }

    /// Nothing panicked, and the good senders saw nothing but success; their items arrived.
    async fn stands(self) {
        let told = self.good.finish().await;
        assert!(
            told.refusals.is_empty(),
            "a good request was refused: {:?}",
            told.refusals[0]
        );
        assert_eq!(told.unanswered_items, 0, "a good request got no answer");
        assert!(!told.acknowledged.is_empty());
        self.agent.drained().await;
        let arrived = self.sink.items();
        assert!(told.acknowledged.iter().all(|id| arrived.contains_key(id)));
        self.agent.assert_no_panic();
    }
}

/// Fails unless the answer refuses for good, with this HTTP status or gRPC code and a Status that says why.
fn assert_refused(answer: &Answer, transport: Transport, http: u16, grpc: i32, what: &str) {
    match transport {
        Transport::Grpc => {
            assert_eq!(answer.reply.status, 200, "{what}");
            assert_eq!(answer.grpc_code(), Some(grpc), "{what}: {answer:?}");
        }
        Transport::Http => assert_eq!(answer.reply.status, http, "{what}: {answer:?}"),
    }
    assert!(
        !answer.is_retryable(),
        "{what}: senders would come back with it for ever: {answer:?}"
    );
    let status = answer.rpc_status();
    assert_eq!(status.code, grpc, "{what}");
    assert!(!status.message.is_empty(), "{what}");
}
