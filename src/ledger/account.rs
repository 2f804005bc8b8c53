//! The account of one export.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::otlp::{Batch, ServiceItems, Signal, SignalSet};

use super::{Book, DropReason, ExportReport, Fate, Tally};

/// What one export was given and what became of it, in items.
#[derive(Debug)]
pub struct Account {
    name: String,
    signals: SignalSet,
    max_services: usize,
    /// One lock for all rows: a handful of additions cost less than as many shared atomics, and a
    /// report then adds up even while batches come and go.
    book: Mutex<Book>,
}

impl Account {
    /// An empty account of the export `name`.
    pub fn new(name: &str, signals: SignalSet, max_services: usize) -> Account {
        Account {
            name: name.to_owned(),
            signals,
            max_services,
            book: Mutex::new(Book::new(max_services)),
        }
    }

    /// The export's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many services the account tells apart.
    pub fn max_services(&self) -> usize {
        self.max_services
    }

    /// Counts a batch in: received and waiting.
    pub fn enter(&self, batch: &Batch) {
        self.book()
            .enter(batch.signal, batch.items, &batch.services);
    }

    /// Counts a batch that entered before out again, to where `fate` says.
    pub fn leave(&self, batch: &Batch, fate: Fate) {
        self.leave_items(batch.signal, batch.items, &batch.services, fate);
    }

    /// As [`Account::enter`], where the bytes are not at hand.
    pub fn enter_items(&self, signal: Signal, items: u32, services: &[ServiceItems]) {
        self.book().enter(signal, items, services);
    }

    /// As [`Account::leave`], where the bytes are not at hand.
    pub fn leave_items(&self, signal: Signal, items: u32, services: &[ServiceItems], fate: Fate) {
        self.book().leave(signal, items, services, fate);
    }

    /// Counts waiting items out of which nothing but the number is left. See [`Book::lose`].
    pub fn lose(&self, signal: Signal, items: u64, reason: DropReason) {
        self.book().lose(signal, items, reason);
    }

    /// Adds what an earlier run settled, and what a start-up found waiting or lost.
    pub fn restore(&self, earlier: &Book) {
        self.book().add(earlier);
    }

    /// The overall row of a signal.
    pub fn total(&self, signal: Signal) -> Tally {
        *self.book().total(signal)
    }

    /// Items of all signals that wait.
    pub fn waiting(&self) -> u64 {
        let book = self.book();
        Signal::ALL
            .iter()
            .map(|signal| book.total(*signal).waiting)
            .sum()
    }

    /// Every row of the signals that the export selects.
    pub fn report(&self) -> ExportReport {
        ExportReport::new(&self.book(), self.signals)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
