//! One export's state, rebuilt from its cursor file and a walk over the log.

use std::sync::Arc;

use crate::ledger::{Book, DropReason};
use crate::otlp::{ServiceItems, Signal, SignalSet};

use super::mark::Mark;
use super::options::Subscriber;
use super::record::Header;
use super::slot::Slots;
use super::subscription::{Subscription, missing};
use super::track::{Track, post_lost};

/// Where an export takes up the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Where its cursor file says.
    At(Mark),
    /// At the oldest record: its cursor file is damaged.
    Beginning,
    /// Behind the newest record: it is new.
    End,
}

/// An export on its way through the start-up's walk.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) name: String,
    pub(super) signals: SignalSet,
    start: Start,
    /// Behind what the walk has shown so far; `None` until it reaches the export's start.
    mark: Option<Mark>,
    /// What the cursor file says was settled.
    settled: Book,
    /// What the walk found waiting or lost.
    found: Book,
    lost: [u64; 3],
}

impl Restore {
    pub(super) fn new(
        name: String,
        signals: SignalSet,
        start: Start,
        settled: Book,
        max_services: usize,
    ) -> Restore {
        let mark = match start {
            Start::At(mark) => Some(mark),
            Start::Beginning | Start::End => None,
        };
        Restore {
            name,
            signals,
            start,
            mark,
            settled,
            found: Book::new(max_services),
            lost: [0; 3],
        }
    }

    /// Takes note of a record in a log that begins at `begin`. Whether it waits for the export.
    pub(super) fn see(
        &mut self,
        header: &Header,
        services: &Arc<[ServiceItems]>,
        begin: u64,
    ) -> bool {
        let Some(from) = self.reached(header.at) else {
            return false;
        };
        if from != header.at {
            let is_gone = from.position < begin;
            let reason = if is_gone {
                DropReason::Evicted
            } else {
                DropReason::Corrupted
            };
            self.lose(from, header.at, reason);
        }
        self.mark = Some(header.end());
        let wanted = self.signals.contains(header.signal);
        if wanted {
            self.found.enter(header.signal, header.items, services);
        }
        wanted
    }

    /// Where the export stands before the record at `at`; `None` where it is not for it.
    fn reached(&mut self, at: Mark) -> Option<Mark> {
        match self.start {
            Start::End => None,
            Start::Beginning => Some(self.mark.unwrap_or(at)),
            Start::At(_) => self.mark.filter(|mark| mark.position <= at.position),
        }
    }

    /// Takes note of the log's end.
    pub(super) fn finish(&mut self, end: Mark) {
        if let (Start::At(_) | Start::Beginning, Some(from)) = (self.start, self.mark) {
            self.lose(from, end, DropReason::Corrupted);
        }
        self.mark = Some(end);
    }

    fn lose(&mut self, from: Mark, to: Mark, reason: DropReason) {
        let lost = missing(from, to, self.signals);
        post_lost(&mut self.found, lost, reason);
        for (sum, lost) in self.lost.iter_mut().zip(lost) {
            *sum += lost;
        }
    }

    /// Items that wait, by [`Signal::index`].
    pub(super) fn waiting(&self) -> [u64; 3] {
        Signal::ALL.map(|signal| self.found.total(signal).waiting)
    }

    /// Items that were found lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Where the track begins in a log from `begin` to `end`.
    pub(super) fn first_mark(&self, begin: Mark, end: Mark) -> Mark {
        match self.start {
            Start::At(mark) => mark,
            Start::Beginning => begin,
            Start::End => end,
        }
    }

    /// The live state.
    pub(super) fn subscribe(
        self,
        subscriber: Subscriber,
        first: Mark,
        slots: Slots,
    ) -> Subscription {
        subscriber.account.restore(&self.settled);
        subscriber.account.restore(&self.found);
        let track = Track::new(first, self.settled, self.lost);
        let Subscriber {
            name,
            signals,
            account,
        } = subscriber;
        Subscription::new((name, signals, account), track, Some(slots))
    }
}
