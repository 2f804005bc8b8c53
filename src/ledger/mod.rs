//! What became of every item: received = delivered + waiting + refused + dropped.
//!
//! Each export has one [`Account`]. Every number in it is counted where it happens: nothing is
//! worked out from the others, so the sum is a check and not a definition. A report is taken under
//! the account's lock, so that it adds up at any moment, also under load.

mod account;
mod book;
mod door;
mod fate;
mod report;
mod snapshot;
mod tally;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::otlp::{Signal, SignalSet};

pub use account::Account;
pub use book::Book;
pub use door::TurnedAway;
pub use fate::{DropReason, Fate};
pub use report::{DoorReport, ExportReport, LedgerReport, TallyReport};
pub use tally::Tally;

use door::Door;

/// The accounts of all exports and what the door turned away.
#[derive(Debug)]
pub struct Ledger {
    max_services: usize,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
    door: Door,
}

impl Ledger {
    /// An empty ledger whose accounts tell at most `max_services` services apart.
    pub fn new(max_services: usize) -> Ledger {
        Ledger {
            max_services,
            accounts: Mutex::default(),
            door: Door::default(),
        }
    }

    /// The account of `export`, opened on first use for the signals it selects.
    pub fn account(&self, export: &str, signals: SignalSet) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Arc::new(Account::new(export, signals, self.max_services));
        Arc::clone(accounts.entry(export.to_owned()).or_insert_with(open))
    }

    /// Counts a request that was taken in from a sender, whatever exports select it.
    pub fn take_in(&self, signal: Signal, items: u32) {
        self.door.take_in(signal, items);
    }

    /// Counts a request that was not taken in, and its items where they are known.
    pub fn turn_away(&self, signal: Signal, refusal: TurnedAway, items: Option<u32>) {
        self.door.turn_away(signal, refusal, items);
    }

    /// Everything, in a stable order.
    pub fn report(&self) -> LedgerReport {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let report = |(name, account): (&String, &Arc<Account>)| (name.clone(), account.report());
        LedgerReport {
            exports: accounts.iter().map(report).collect(),
            taken_in: self.door.taken_in(),
            turned_away: self.door.turned_away(),
        }
    }
}
