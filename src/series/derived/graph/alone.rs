//! Spans that make no edge: of those nobody answered to, and of those given up for want of room.

use std::collections::HashMap;

use super::super::calls::append;
use super::super::options::DerivedError;
use super::super::shelf::{Desk, Placed, Shelf};
use super::edge::Link;
use super::names::{NameId, Names};
use super::waiting::{Half, Side};
use crate::series::store::{Fault, Moment, Store};

/// Counts spans by service and side.
#[derive(Debug)]
pub(super) struct Alone {
    shelf: Shelf,
    known: HashMap<(NameId, Side, bool), Placed>,
    /// The store's epoch that `known` belongs to.
    epoch: u64,
}

impl Alone {
    pub fn new(store: &mut Store, name: &str, help: &str) -> Result<Alone, DerivedError> {
        Ok(Alone {
            shelf: Shelf::counters(store, name, help)?,
            known: HashMap::new(),
            epoch: store.epoch(),
        })
    }

    /// Counts `half`.
    pub fn count(&mut self, desk: &mut Desk<'_>, names: &Names, half: &Half) {
        if self.epoch != desk.store.epoch() {
            self.forget();
            self.epoch = desk.store.epoch();
        }
        let key = (half.service, half.side, half.messaging);
        let placed = match self.known.get(&key) {
            Some(placed) => Ok(*placed),
            None => self.place(desk.store, names, half, desk.now),
        };
        match placed {
            Ok(placed) => {
                self.known.insert(key, placed);
                desk.add(placed, 1);
            }
            Err(fault) => desk.store.count_fault(fault, 1),
        }
    }

    /// Forgets the names that it knows, as they may be given to others.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn place(
        &self,
        store: &mut Store,
        names: &Names,
        half: &Half,
        now: Moment,
    ) -> Result<Placed, Fault> {
        if half.service == NameId::OTHERS {
            return self.shelf.overflow(store, None, Fault::SeriesLimit, now);
        }
        let service = names.text(half.service);
        let link = if half.messaging {
            Link::Messaging
        } else {
            Link::Direct
        };
        let (client, server) = match half.side {
            Side::Client => (service, ""),
            Side::Server => ("", service),
        };
        let labels = edge_labels(client, server, link);
        self.shelf.series(store, &labels, None, now)
    }
}

/// The labels of an edge, those without a value left out.
pub(super) fn edge_labels(client: &str, server: &str, link: Link) -> String {
    let mut labels = String::new();
    append(&mut labels, "client", client);
    append(&mut labels, "connection_type", link.word());
    append(&mut labels, "server", server);
    labels
}
