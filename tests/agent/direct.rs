//! The fixture itself: a sender and a sink with nothing in between.

use bytes::Bytes;

use crate::fixture::{Reaction, Sender, Signal, Sink, Transport, request};

/// Scenario: every transport, signal and coding, straight from the fixture's sender to its sink. Guarantees: what is
/// judged in other tests is the agent and not the fixture.
#[tokio::test]
async fn sender_and_sink_understand_each_other() {
    let sink = Sink::start().await;
    for transport in Transport::BOTH {
        for (signal, encoding) in Signal::ALL.into_iter().zip(["identity", "gzip", "zstd"]) {
            let mut sender = Sender::new(sink.address(), transport).compressing(encoding);
            let message = request(signal, 5..8);
            sender.must_send(signal, &message).await;
            let received = sink.requests().pop().unwrap();
            assert_eq!((received.signal, received.transport), (signal, transport));
            assert_eq!(
                (received.encoding.as_str(), &received.message),
                (encoding, &message)
            );
            assert_eq!(received.ids(), [5, 6, 7]);
        }
    }
}

/// Scenario: the sink is told to refuse, to drop the connection, to be down and to come back. Guarantees: senders
/// see each of these as it is meant.
#[tokio::test]
async fn the_sink_does_as_it_is_told() {
    let sink = Sink::start().await;
    for transport in Transport::BOTH {
        let hint = std::time::Duration::from_secs(3);
        sink.next([
            Reaction::TryLater(Some(hint)),
            Reaction::Refuse,
            Reaction::Drop,
        ]);
        let mut sender = Sender::new(sink.address(), transport);
        let later = sender.send(Signal::Logs, &Bytes::new()).await.unwrap();
        assert!(later.is_retryable());
        assert_eq!(later.retry_hint(), Some(hint));
        let refused = sender.send(Signal::Logs, &Bytes::new()).await.unwrap();
        assert!(!refused.is_retryable() && !refused.is_success());
        assert_eq!(refused.rpc_status().code, 3);
        sender.send(Signal::Logs, &Bytes::new()).await.unwrap_err();
        sink.down().await;
        sender.send(Signal::Logs, &Bytes::new()).await.unwrap_err();
        sink.up().await;
        sender.must_send(Signal::Logs, &Bytes::new()).await;
    }
    assert_eq!(sink.taken().len(), 2);
}
