//! Edges: who calls whom, how often and with what result, in the store and over the window of the map.

use hashbrown::HashTable;
use slab::Slab;

use super::super::shelf::Placed;
use super::names::NameId;
use crate::series::store::{Fingerprint, Store};

/// How two ends are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Link {
    /// A call that both sides told of.
    Direct,
    /// A message.
    Messaging,
    /// A call to a database.
    Database,
    /// A call that one side told of.
    Virtual,
}

impl Link {
    /// The value of `connection_type`; empty for calls that both sides told of.
    pub const fn word(self) -> &'static str {
        match self {
            Link::Direct => "",
            Link::Messaging => "messaging_system",
            Link::Database => "database",
            Link::Virtual => "virtual_node",
        }
    }
}

/// What edges are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EdgeKey {
    pub client: NameId,
    pub server: NameId,
    pub link: Link,
    /// What messages between the two go over.
    pub via: Option<NameId>,
}

/// The series of an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct EdgeSeries {
    pub server: Placed,
    pub client: Placed,
    pub failed: Placed,
    /// What the histograms are found by when ids have changed.
    pub server_fingerprint: Fingerprint,
    pub client_fingerprint: Fingerprint,
    /// The store's epoch that the ids belong to.
    pub epoch: u64,
}

/// One edge.
#[derive(Debug)]
pub(super) struct Edge {
    pub key: EdgeKey,
    pub series: EdgeSeries,
    pub latest: Recent,
}

/// In how many parts the window of the map slides on.
pub(super) const SUB_WINDOWS: u64 = 5;

/// Calls in the parts of the window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent {
    /// (part of the window, calls, of them failed)
    parts: [(u64, u64, u64); SUB_WINDOWS as usize],
}

impl Recent {
    #[inline]
    pub fn count(&mut self, sub_window: u64, failed: bool) {
        let part = &mut self.parts[(sub_window % SUB_WINDOWS) as usize];
        if part.0 != sub_window {
            *part = (sub_window, 0, 0);
        }
        part.1 = part.1.saturating_add(1);
        part.2 = part.2.saturating_add(u64::from(failed));
    }

    /// Calls in the window that ends with the part `sub_window`, and how many of them failed.
    pub fn sum(&self, sub_window: u64) -> (u64, u64) {
        let recent = self
            .parts
            .iter()
            .filter(|(at, ..)| at.saturating_add(SUB_WINDOWS) > sub_window);
        recent.fold((0, 0), |(calls, failed), part| {
            (calls + part.1, failed + part.2)
        })
    }
}

/// How many edges there may be; beyond, calls are counted in the overflow series.
pub(super) const MAX_EDGES: usize = 16_384;

/// The edges with calls in the window.
#[derive(Debug, Default)]
pub(super) struct Edges {
    edges: Slab<Edge>,
    index: HashTable<u32>,
}

impl Edges {
    /// The edge with this key, its ids valid.
    #[inline]
    pub fn find(&mut self, key: &EdgeKey, store: &Store) -> Option<&mut Edge> {
        let edges = &self.edges;
        let same = |id: &u32| edges[*id as usize].key == *key;
        let id = *self.index.find(key.hash(), same)?;
        let edge = self.edges.get_mut(id as usize)?;
        (edge.series.epoch == store.epoch()).then_some(edge)
    }

    /// The edge with this key and these series, made if there is none; `None` where there are as many as may be.
    pub fn put(&mut self, key: EdgeKey, series: EdgeSeries) -> Option<&mut Edge> {
        let edges = &self.edges;
        let same = |id: &u32| edges[*id as usize].key == key;
        let id = match self.index.find(key.hash(), same) {
            Some(id) => *id,
            None => self.add(key, series)?,
        };
        let edge = self.edges.get_mut(id as usize)?;
        edge.series = series;
        Some(edge)
    }

    fn add(&mut self, key: EdgeKey, series: EdgeSeries) -> Option<u32> {
        if self.edges.len() >= MAX_EDGES {
            return None;
        }
        let latest = Recent::default();
        let id = self.edges.insert(Edge {
            key,
            series,
            latest,
        });
        let id = u32::try_from(id).ok()?;
        let edges = &self.edges;
        let hash = |id: &u32| edges[*id as usize].key.hash();
        self.index.insert_unique(key.hash(), id, hash);
        Some(id)
    }

    /// Every edge.
    pub fn iter(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().map(|(_, edge)| edge)
    }

    /// Forgets edges without calls in the window that ends with the part `sub_window`.
    pub fn forget(&mut self, sub_window: u64) {
        let index = &mut self.index;
        self.edges.retain(|id, edge| {
            let stays = edge.latest.sum(sub_window).0 > 0;
            if !stays
                && let Ok(entry) = index.find_entry(edge.key.hash(), |other| *other as usize == id)
            {
                entry.remove();
            }
            stays
        });
    }
}

impl EdgeKey {
    #[inline]
    fn hash(&self) -> u64 {
        let ends = u64::from(self.client.number()) << 32 | u64::from(self.server.number());
        let via = self.via.map_or(u64::MAX, |via| u64::from(via.number()));
        let fingerprint = Fingerprint::default().then_number(ends);
        fingerprint.then_number(via << 2 | self.link as u64).short()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: calls in several parts of the window, and a pause longer than it.
    /// Guarantees: those of the window are counted, older ones not, also where parts take each other's place.
    #[test]
    fn the_window_slides() {
        let mut recent = Recent::default();
        recent.count(0, false);
        recent.count(0, true);
        recent.count(3, false);
        assert_eq!(recent.sum(3), (3, 1));
        assert_eq!(recent.sum(4), (3, 1));
        assert_eq!(recent.sum(5), (1, 0));
        recent.count(5, true);
        assert_eq!(recent.sum(5), (2, 1));
        assert_eq!(recent.sum(100), (0, 0));
        recent.count(100, false);
        assert_eq!(recent.sum(100), (1, 0));
    }
}
