//! Events as they happen, to clients that stay (Server-Sent Events, WHATWG HTML section 9.2).
//!
//! The last events are kept, so that who comes back with `Last-Event-ID` misses none of them. Each event is written once, whoever
//! listens. A client that does not keep up is let go: it comes back and resumes.

mod stream;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

pub(super) use stream::EventStream;

/// The media type of a feed.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Events that are kept for who comes back.
const KEPT: usize = 256;
/// Clients at the same time.
const MAX_CLIENTS: usize = 64;
/// Events that wait for one client beyond those that were kept; with more it does not keep up.
const WAITING: usize = 64;

/// Where events are told and listened to. Cloning shares it.
#[derive(Clone, Default)]
pub struct Feed(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    last_id: u64,
    kept: VecDeque<(u64, Bytes)>,
    clients: Vec<mpsc::Sender<Bytes>>,
    has_ended: bool,
}

/// Why nobody more is told events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Too many listen already.
    Full {
        /// How many may.
        limit: usize,
    },
    /// The agent shuts down.
    Ended,
}

impl Feed {
    /// Tells everybody who listens of the event `name`, which holds no line break. Never waits.
    pub fn tell(&self, name: &str, data: &impl Serialize) {
        // Fails only for maps whose keys are not strings, which no event holds. JSON has no line breaks of its own.
        let data = serde_json::to_string(data).unwrap_or_default();
        let mut inner = self.lock();
        if inner.has_ended {
            return;
        }
        inner.last_id += 1;
        let id = inner.last_id;
        let event = Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n"));
        if inner.kept.len() == KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back((id, event.clone()));
        inner
            .clients
            .retain(|client| client.try_send(event.clone()).is_ok());
    }

    /// Says goodbye to everybody and takes nobody more.
    pub fn end(&self) {
        let mut inner = self.lock();
        inner.has_ended = true;
        let goodbye = Bytes::from_static(
            b"event: goodbye\ndata: {\"reason\":\"the agent is shutting down\"}\n\n",
        );
        for client in inner.clients.drain(..) {
            // One that has no room for it is let go without.
            let _ = client.try_send(goodbye.clone());
        }
    }

    /// Listens from here on, after all that is kept and younger than `last_seen`. An id of another life of the agent, which is
    /// greater than any there is, begins with all that is kept.
    pub(super) fn listen(&self, last_seen: Option<u64>) -> Result<EventStream, NoPlace> {
        let mut inner = self.lock();
        inner.clients.retain(|client| !client.is_closed());
        if inner.has_ended {
            return Err(NoPlace::Ended);
        }
        if inner.clients.len() >= MAX_CLIENTS {
            return Err(NoPlace::Full { limit: MAX_CLIENTS });
        }
        let (client, events) = mpsc::channel(WAITING);
        inner.clients.push(client);
        Ok(EventStream::new(inner.missed(last_seen), events))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic may leave behind is whole: each change is complete in itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn missed(&self, last_seen: Option<u64>) -> VecDeque<Bytes> {
        let Some(last_seen) = last_seen else {
            return VecDeque::new();
        };
        let seen = if last_seen > self.last_id {
            0
        } else {
            last_seen
        };
        let missed = self.kept.iter().filter(|(id, _)| *id > seen);
        missed.map(|(_, event)| event.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use futures_core::Stream as _;
    use serde_json::json;

    use super::*;

    /// What `stream` has to say at once, and whether it has ended.
    fn said(stream: &mut EventStream) -> (String, bool) {
        let mut text = String::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match std::pin::Pin::new(&mut *stream).poll_next(&mut context) {
                Poll::Ready(Some(Ok(bytes))) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Poll::Ready(None) => return (text, true),
                Poll::Pending => return (text, false),
            }
        }
    }

    fn told(feed: &Feed, count: u64) {
        for _ in 0..count {
            feed.tell("transition", &json!({ "to": "open\n" }));
        }
    }

    fn ids(text: &str) -> Vec<u64> {
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(|id| id.parse().unwrap()).collect()
    }

    /// Scenario: somebody listens, an event is told, the feed ends.
    /// Guarantees: the event comes in one piece with its id, a line break in it stays escaped, a goodbye comes last, and nobody may come
    /// after it.
    #[tokio::test]
    async fn events_come_as_they_are_told() {
        let feed = Feed::default();
        told(&feed, 1);
        let mut stream = feed.listen(None).unwrap();
        assert_eq!(said(&mut stream), (": listening\n\n".to_owned(), false));
        told(&feed, 1);
        let event = "id: 2\nevent: transition\ndata: {\"to\":\"open\\n\"}\n\n";
        assert_eq!(said(&mut stream), (event.to_owned(), false));
        feed.end();
        told(&feed, 1);
        let (text, has_ended) = said(&mut stream);
        assert!(
            text.starts_with("event: goodbye\ndata: {") && has_ended,
            "{text}"
        );
        assert_eq!(feed.listen(None).err(), Some(NoPlace::Ended));
    }

    /// Scenario: more events than are kept, and clients that come back with the id that they saw last.
    /// Guarantees: each gets what it missed and is still kept; an id of another life of the agent gets all that is kept.
    #[tokio::test]
    async fn who_comes_back_misses_nothing_that_is_kept() {
        let feed = Feed::default();
        told(&feed, 300);
        for (last_seen, expected) in [
            (None, 0..0),
            (Some(300), 0..0),
            (Some(298), 299..301),
            (Some(44), 45..301),
            (Some(0), 45..301),
            (Some(7000), 45..301),
        ] {
            let (text, _) = said(&mut feed.listen(last_seen).unwrap());
            assert_eq!(ids(&text), expected.collect::<Vec<_>>(), "{last_seen:?}");
        }
    }

    /// Scenario: a client reads nothing while more events are told than may wait; it then reads and comes back.
    /// Guarantees: it is let go after what waited for it, others are not held up, and its coming back shows what it missed.
    #[tokio::test]
    async fn who_does_not_keep_up_is_let_go() {
        let feed = Feed::default();
        let (mut slow, mut quick) = (feed.listen(None).unwrap(), feed.listen(None).unwrap());
        let mut seen = Vec::new();
        for _ in 0..100 {
            told(&feed, 1);
            seen.extend(ids(&said(&mut quick).0));
            // Tokio lets a task receive so much in one go only.
            tokio::task::yield_now().await;
        }
        assert_eq!(seen, (1..=100).collect::<Vec<_>>());
        let (text, has_ended) = said(&mut slow);
        assert!(has_ended);
        assert_eq!(ids(&text), (1..=64).collect::<Vec<_>>());
        let (text, _) = said(&mut feed.listen(Some(64)).unwrap());
        assert_eq!(ids(&text), (65..=100).collect::<Vec<_>>());
    }

    /// Scenario: as many clients as may listen, one more, then one of them goes.
    /// Guarantees: the one more is refused with the number that may, and there is a place again once one has gone.
    #[tokio::test]
    async fn places_are_limited_and_given_back() {
        let feed = Feed::default();
        let mut streams: Vec<_> = (0..MAX_CLIENTS)
            .map(|_| feed.listen(None).unwrap())
            .collect();
        assert_eq!(
            feed.listen(None).err(),
            Some(NoPlace::Full { limit: MAX_CLIENTS })
        );
        streams.pop();
        assert!(feed.listen(None).is_ok());
    }

    /// Scenario: nothing happens for a while.
    /// Guarantees: a comment comes every 15 s, so that both sides notice a connection that is gone.
    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_a_heartbeat() {
        use std::future::poll_fn;
        use std::time::Duration;
        let feed = Feed::default();
        let mut stream = feed.listen(None).unwrap();
        said(&mut stream);
        let began = tokio::time::Instant::now();
        for beat in 1..=3 {
            let next = poll_fn(|context| std::pin::Pin::new(&mut stream).poll_next(context));
            let Some(Ok(bytes)) = next.await else {
                panic!("the feed ended")
            };
            assert_eq!(&bytes[..], b": still here\n\n");
            assert_eq!(
                began.elapsed().as_secs(),
                Duration::from_secs(15 * beat).as_secs()
            );
        }
    }
}
