//! The rows of one account.

use std::collections::HashMap;
use std::sync::Arc;

use crate::otlp::{ServiceItems, Signal};

use super::{DropReason, Fate, Tally};

/// The row of each signal, by [`Signal::index`].
pub(super) type Rows = [Tally; 3];

/// Longer service names are cut here, at a character boundary.
const MAX_NAME_BYTES: usize = 100;

/// Tallies for each signal, overall and by service.
#[derive(Clone, Debug)]
pub struct Book {
    pub(super) totals: Rows,
    pub(super) services: HashMap<Arc<str>, Rows>,
    /// The services beyond the limit, and losses whose service is not known.
    pub(super) other: Rows,
    max_services: usize,
    /// Losses by signal that still stand as waiting with services nobody can name.
    unattributed: [u64; 3],
}

impl Book {
    /// An empty book that tells at most `max_services` services apart.
    pub fn new(max_services: usize) -> Book {
        Book {
            totals: Rows::default(),
            services: HashMap::new(),
            other: Rows::default(),
            max_services,
            unattributed: [0; 3],
        }
    }

    /// The overall row of a signal.
    pub fn total(&self, signal: Signal) -> &Tally {
        &self.totals[signal.index()]
    }

    /// Counts items in: received and waiting.
    pub fn enter(&mut self, signal: Signal, items: u32, services: &[ServiceItems]) {
        self.totals[signal.index()].enter(items.into());
        for part in services {
            self.row(signal, &part.service).enter(part.items.into());
        }
    }

    /// Counts items out. The refused items of a partly refused batch are taken from its services
    /// in order: OTLP does not say whose they were.
    pub fn leave(&mut self, signal: Signal, items: u32, services: &[ServiceItems], fate: Fate) {
        let mut left = refused_items(fate, items);
        self.totals[signal.index()].leave(items.into(), left, fate);
        for part in services {
            let refused = left.min(part.items.into());
            left -= refused;
            self.row(signal, &part.service)
                .leave(part.items.into(), refused, fate);
        }
        self.attribute_losses(signal);
    }

    /// Counts waiting items out whose service is not known. The overall row is right at once, the
    /// services' rows as soon as nothing else of the signal waits: what still stands there is lost.
    pub fn lose(&mut self, signal: Signal, items: u64, reason: DropReason) {
        self.totals[signal.index()].leave(items, 0, Fate::Dropped(reason));
        self.unattributed[signal.index()] += items;
        self.attribute_losses(signal);
    }

    /// Counts items that were received and lost before this book was opened.
    pub fn enter_lost(&mut self, signal: Signal, items: u64, reason: DropReason) {
        for row in [
            &mut self.totals[signal.index()],
            &mut self.other[signal.index()],
        ] {
            row.enter(items);
            row.leave(items, 0, Fate::Dropped(reason));
        }
    }

    /// Adds all rows of `other` to this book's.
    pub fn add(&mut self, other: &Book) {
        for signal in Signal::ALL {
            let at = signal.index();
            self.totals[at].add(&other.totals[at]);
            self.other[at].add(&other.other[at]);
            for (name, rows) in &other.services {
                self.row(signal, name).add(&rows[at]);
            }
        }
    }

    fn attribute_losses(&mut self, signal: Signal) {
        let at = signal.index();
        if self.unattributed[at] == 0 || self.totals[at].waiting != 0 {
            return;
        }
        self.unattributed[at] = 0;
        let named = self.services.values_mut().map(|rows| &mut rows[at]);
        for row in named.chain([&mut self.other[at]]) {
            let lost = row.waiting;
            row.leave(lost, 0, Fate::Dropped(DropReason::Corrupted));
        }
    }

    fn row(&mut self, signal: Signal, service: &Arc<str>) -> &mut Tally {
        let name = cut(service);
        if !self.services.contains_key(name) {
            if self.services.len() >= self.max_services {
                return &mut self.other[signal.index()];
            }
            self.services.insert(Arc::from(name), Rows::default());
        }
        match self.services.get_mut(name) {
            Some(rows) => &mut rows[signal.index()],
            None => &mut self.other[signal.index()],
        }
    }
}

fn refused_items(fate: Fate, items: u32) -> u64 {
    match fate {
        Fate::PartlyRefused { refused } => refused.min(items).into(),
        _ => 0,
    }
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}
