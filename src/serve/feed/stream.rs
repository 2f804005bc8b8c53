//! What one client of a feed reads.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How often something is sent while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The events of a feed, and something now and then while there are none. Dropping it gives its place back.
pub(in crate::serve) struct EventStream {
    /// What is to be sent before anything else.
    first: VecDeque<Bytes>,
    events: mpsc::Receiver<Bytes>,
    heartbeat: Interval,
}

impl EventStream {
    pub(super) fn new(missed: VecDeque<Bytes>, events: mpsc::Receiver<Bytes>) -> EventStream {
        let mut first = missed;
        // Something at once, so that proxies pass the head on.
        first.push_front(Bytes::from_static(b": listening\n\n"));
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        EventStream {
            first,
            events,
            heartbeat,
        }
    }
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = self.get_mut();
        if let Some(bytes) = stream.first.pop_front() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        match stream.events.poll_recv(context) {
            Poll::Ready(event) => Poll::Ready(event.map(Ok)),
            Poll::Pending => {
                let beat = stream.heartbeat.poll_tick(context);
                beat.map(|_| Some(Ok(Bytes::from_static(b": still here\n\n"))))
            }
        }
    }
}
