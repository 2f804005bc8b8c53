//! The thread that owns the series. Here alone the clock is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::error;

use super::handle::{Message, Request, Room};
use super::store::Moment;
use crate::otlp::Signal;

/// How often what has ended is swept out.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// After a request the thread sleeps so long before it looks again, so that under load senders need not wake
/// it each time, which costs both sides more than the request itself.
const GATHER: Duration = Duration::from_millis(1);

/// So many messages are handled before the clock is looked at.
const ROUND: usize = 256;

/// What the thread works on.
pub trait Work: 'static {
    /// Takes a checked request in.
    fn take(&mut self, signal: Signal, message: &Bytes, now: Moment);
    /// Part of a request or a question panicked.
    fn panicked(&mut self);
    /// Sweeps out what has ended.
    fn sweep(&mut self, now: Moment);
    /// Tells the meters how things stand; called after each round of work.
    fn publish(&mut self);
    /// The last call.
    fn close(&mut self, now: Moment);
}

/// Why a round ended.
enum Round {
    /// Nothing waits, and requests were taken.
    Worked,
    /// Nothing waits, and none were taken.
    Idle,
    /// More waits.
    Cut,
    /// The end was asked for by the one who waits here, or nobody is left who could ask.
    Over(Option<oneshot::Sender<()>>),
}

/// Works until it is closed.
pub(super) fn run<W: Work>(make: impl FnOnce() -> W, waiting: Receiver<Message<W>>, room: &Room) {
    let _freed = CloseOnDrop(room);
    let mut work = make();
    guarded(&mut work, |work| work.sweep(now()));
    work.publish();
    let mut sweep_at = Instant::now() + SWEEP_EVERY;
    loop {
        let round = round(&mut work, &waiting, room, sweep_at);
        if Instant::now() >= sweep_at {
            guarded(&mut work, |work| work.sweep(now()));
            sweep_at = Instant::now() + SWEEP_EVERY;
        }
        work.publish();
        match round {
            Round::Over(done) => {
                // Before the one who closed hears of the end: what came too late is counted as missed, and the
                // directory is free for another.
                drop((waiting, work));
                if let Some(done) = done {
                    // Who no longer waits need not hear of it.
                    let _ = done.send(());
                }
                return;
            }
            Round::Worked => thread::sleep(GATHER),
            Round::Idle | Round::Cut => {}
        }
    }
}

/// Frees those who wait for room when the thread ends, however it ends.
struct CloseOnDrop<'a>(&'a Room);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits for a message, but not beyond `until`, and handles it and those that wait behind it.
fn round<W: Work>(
    work: &mut W,
    waiting: &Receiver<Message<W>>,
    room: &Room,
    until: Instant,
) -> Round {
    let patience = until.saturating_duration_since(Instant::now());
    let mut message = match waiting.recv_timeout(patience) {
        Ok(message) => message,
        Err(RecvTimeoutError::Timeout) => return Round::Idle,
        Err(RecvTimeoutError::Disconnected) => {
            guarded(work, |work| work.close(now()));
            return Round::Over(None);
        }
    };
    let (mut taken, mut left) = (Taken::new(room), ROUND);
    loop {
        match message {
            Message::Request(mut request) => {
                request.reached = true;
                take(work, &request);
                taken.add(request.bytes);
            }
            Message::Question(question) => {
                taken.give_back();
                guarded(work, question);
            }
            Message::Close(done) => {
                // Before any room is given back: who waits for it is told that there is none.
                room.close();
                guarded(work, |work| work.close(now()));
                return Round::Over(Some(done));
            }
        }
        left -= 1;
        if left == 0 {
            return Round::Cut;
        }
        message = match waiting.try_recv() {
            Ok(next) => next,
            Err(_) => return taken.round(),
        };
    }
}

/// The room that the requests of a round took. It is given back in large pieces, because a sender that is woken
/// for each request costs more than the request.
struct Taken<'a> {
    room: &'a Room,
    due: u32,
    bytes: u64,
}

/// A piece is this part of the room.
const PIECES: u32 = 8;

impl<'a> Taken<'a> {
    fn new(room: &'a Room) -> Taken<'a> {
        Taken {
            room,
            due: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, bytes: u32) {
        self.due = self.due.saturating_add(bytes);
        self.bytes += u64::from(bytes);
        if self.due >= self.room.bytes() / PIECES {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.room.give_back(std::mem::take(&mut self.due));
    }

    /// How the round went in which nothing waits any more. Where so much was taken that senders may wait for room,
    /// more is about to come.
    fn round(&self) -> Round {
        match self.bytes {
            0 => Round::Idle,
            bytes if bytes < u64::from(self.room.bytes() / 2) => Round::Worked,
            _ => Round::Cut,
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

fn take<W: Work>(work: &mut W, request: &Request) {
    let taking = |work: &mut W| work.take(request.signal, &request.message, request.received);
    if !guarded(work, taking) {
        work.panicked();
    }
}

/// Whether `part` came to its end. A panic is a bug; it must not take the series of everyone else with it.
fn guarded<W>(work: &mut W, part: impl FnOnce(&mut W)) -> bool {
    let ended = catch_unwind(AssertUnwindSafe(|| part(work))).is_ok();
    if !ended {
        error!("a part of the series panicked; what it was working on is left out");
    }
    ended
}

fn now() -> Moment {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::handle::Handle;

    use std::sync::mpsc::{Sender, channel};

    /// Notes what it is told. `hold` stops it until the other end of the channel goes; `panic` panics.
    #[derive(Default)]
    struct Diary {
        taken: Vec<(Bytes, Moment)>,
        panicked: u32,
        held: Option<Receiver<()>>,
        closed: Option<Sender<Vec<Bytes>>>,
    }

    impl Work for Diary {
        fn take(&mut self, _signal: Signal, message: &Bytes, now: Moment) {
            match &message[..] {
                b"panic" => panic!("on purpose"),
                b"hold" => drop(self.held.take().map(|held| held.recv())),
                _ => {}
            }
            self.taken.push((message.clone(), now));
        }
        fn panicked(&mut self) {
            self.panicked += 1;
        }
        fn sweep(&mut self, _now: Moment) {}
        fn publish(&mut self) {}
        fn close(&mut self, _now: Moment) {
            let taken = self.taken.iter().map(|(message, _)| message.clone());
            if let Some(closed) = self.closed.take() {
                closed.send(taken.collect()).unwrap();
            }
        }
    }

    const TRACES: Signal = Signal::Traces;

    fn start(queue_bytes: usize) -> Handle<Diary> {
        Handle::start(queue_bytes, Diary::default).unwrap()
    }

    /// A thread that stands still until the answer is dropped.
    async fn holding(queue_bytes: usize) -> (Handle<Diary>, Sender<()>) {
        let (release, held) = channel();
        let make = || Diary {
            held: Some(held),
            ..Diary::default()
        };
        let handle = Handle::start(queue_bytes, make).unwrap();
        handle.take(TRACES, Bytes::from_static(b"hold"), 0).await;
        (handle, release)
    }

    async fn count(handle: &Handle<Diary>) -> Option<usize> {
        handle.ask(|diary| diary.taken.len()).await
    }

    /// Scenario: a question after each of many requests.
    /// Guarantees: it sees all that were taken before it, with their times.
    #[tokio::test]
    async fn a_question_sees_what_was_taken_before() {
        let handle = start(1000);
        for taken in 1..=300 {
            handle
                .take(TRACES, Bytes::from_static(b"one"), taken as u64)
                .await;
            if taken % 20 == 0 {
                let last = move |diary: &mut Diary| (diary.taken.len(), diary.taken[taken - 1].1);
                let unix_ms = taken as u64;
                assert_eq!(handle.ask(last).await, Some((taken, Moment { unix_ms })));
            }
        }
        assert_eq!(handle.queued_bytes(), 0);
    }

    /// Scenario: the thread stands still while requests come, more than fit and one larger than the whole queue.
    /// Guarantees: senders wait at the limit; all are taken once it goes on, in order.
    #[tokio::test]
    async fn a_full_queue_makes_senders_wait() {
        let (handle, release) = holding(10).await;
        handle.take(TRACES, Bytes::from_static(b"123456"), 0).await;
        assert_eq!(handle.queued_bytes(), 10);
        let others = [Bytes::from_static(b"7"), Bytes::from(vec![b'x'; 50])];
        let waiting = others.map(|message| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.take(TRACES, message, 0).await })
        });
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        drop(release);
        for task in waiting {
            task.await.unwrap();
        }
        let lens = handle
            .ask(|diary| {
                diary
                    .taken
                    .iter()
                    .map(|(message, _)| message.len())
                    .collect()
            })
            .await;
        assert_eq!(lens, Some(vec![4, 6, 1, 50]));
        assert_eq!(handle.queued_bytes(), 0);
    }

    /// Scenario: a request and a question panic among others.
    /// Guarantees: the request is told as panicked, the question has no answer, the others are not touched.
    #[tokio::test]
    async fn a_panic_stays_alone() {
        let handle = start(1000);
        for message in ["one", "panic", "two"] {
            handle.take(TRACES, Bytes::from(message), 0).await;
        }
        let broken = handle.ask(|_| -> u8 { panic!("on purpose") }).await;
        assert_eq!(broken, None);
        let told = handle
            .ask(|diary| (diary.taken.len(), diary.panicked))
            .await;
        assert_eq!(told, Some((2, 1)));
        assert_eq!(handle.queued_bytes(), 0);
    }

    /// Scenario: it is closed while requests wait, then asked, given more and closed again.
    /// Guarantees: what waited is taken before the end; afterwards nothing hangs, and what is missed is counted.
    #[tokio::test]
    async fn closing_takes_what_waits() {
        let (closed, at_end) = channel();
        let make = || Diary {
            closed: Some(closed),
            ..Diary::default()
        };
        let handle = Handle::start(1000, make).unwrap();
        for _ in 0..600 {
            handle.take(TRACES, Bytes::from_static(b"1"), 0).await;
        }
        handle.close().await;
        assert_eq!(at_end.recv().unwrap().len(), 600);
        handle.take(TRACES, Bytes::from_static(b"late"), 0).await;
        assert_eq!((count(&handle).await, handle.missed()), (None, 1));
        handle.close().await;
    }

    /// Scenario: the thread ends while a sender waits for room.
    /// Guarantees: the sender is let go and counted.
    #[tokio::test]
    async fn an_end_frees_those_who_wait() {
        let (handle, release) = holding(4).await;
        let closing = handle.clone();
        let closing = tokio::spawn(async move { closing.close().await });
        tokio::task::yield_now().await;
        let sender = handle.clone();
        let sender = tokio::spawn(async move {
            sender.take(TRACES, Bytes::from_static(b"late"), 0).await;
        });
        tokio::task::yield_now().await;
        drop(release);
        closing.await.unwrap();
        sender.await.unwrap();
        assert_eq!(handle.missed(), 1);
    }
}
