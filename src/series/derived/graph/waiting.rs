//! Spans that wait for the other side of their call: a bounded table, oldest first.
//!
//! It allocates while it grows, and then no more.

use hashbrown::HashTable;
use slab::Slab;

use super::names::NameId;
use crate::series::store::FingerprintKey;

/// The span that calls, by which both sides know the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallKey {
    pub trace_id: [u8; 16],
    /// The id of the client's span, which is the parent of the server's.
    pub span_id: [u8; 8],
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Client,
    Server,
}

/// One side of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub side: Side,
    /// Whether the call is a message.
    pub messaging: bool,
    /// Whether it failed.
    pub failed: bool,
    /// The service that the span is of.
    pub service: NameId,
    /// Whom the span says that it speaks to, or for messages over what.
    pub peer: Option<NameId>,
    /// How long it lasted.
    pub nanos: u64,
    /// When it ended, in nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    /// The span.
    pub span_id: [u8; 8],
    /// The trace.
    pub trace_id: [u8; 16],
}

#[derive(Debug)]
struct Entry {
    key: CallKey,
    hash: u64,
    half: Half,
    since_ms: u64,
    older: u32,
    newer: u32,
}

/// No entry.
const NONE: u32 = u32::MAX;

/// Every half that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    key: FingerprintKey,
    max: usize,
    entries: Slab<Entry>,
    index: HashTable<u32>,
    oldest: u32,
    newest: u32,
}

/// What became of a half.
#[derive(Debug)]
pub(super) enum Met {
    /// The other side had waited.
    Other(Half),
    /// The same side waits already: the span was sent twice.
    Same,
    /// It waits.
    Nobody,
}

impl Waiting {
    pub fn new(key: FingerprintKey, max: usize) -> Waiting {
        Waiting {
            key,
            max: max.max(1),
            entries: Slab::new(),
            index: HashTable::new(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether more wait than may: the oldest is to be taken.
    pub fn is_over(&self) -> bool {
        self.entries.len() > self.max
    }

    /// Gives `half` to the other side of the call, or has it wait for it.
    #[inline]
    pub fn meet(&mut self, key: CallKey, half: Half, now_ms: u64) -> Met {
        let hash = self.hash(&key);
        let entries = &self.entries;
        let same = |id: &u32| entries[*id as usize].key == key;
        let Some(id) = self.index.find(hash, same).copied() else {
            self.add(key, hash, half, now_ms);
            return Met::Nobody;
        };
        if self.entries[id as usize].half.side == half.side {
            return Met::Same;
        }
        self.take(id).map_or(Met::Same, Met::Other)
    }

    /// Takes the oldest half, if it has waited since `since_ms` or before.
    #[inline]
    pub fn take_oldest(&mut self, since_ms: u64) -> Option<Half> {
        let oldest = self.entries.get(self.oldest as usize)?;
        if oldest.since_ms > since_ms {
            return None;
        }
        self.take(self.oldest)
    }

    #[inline]
    fn hash(&self, key: &CallKey) -> u64 {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&key.trace_id);
        bytes[16..].copy_from_slice(&key.span_id);
        self.key.of(&bytes).short()
    }

    fn add(&mut self, key: CallKey, hash: u64, half: Half, since_ms: u64) {
        let entry = Entry {
            key,
            hash,
            half,
            since_ms,
            older: self.newest,
            newer: NONE,
        };
        // The limit of the table is far below 2³².
        let id = u32::try_from(self.entries.insert(entry)).unwrap_or(NONE);
        match self.entries.get_mut(self.newest as usize) {
            Some(before) => before.newer = id,
            None => self.oldest = id,
        }
        self.newest = id;
        let entries = &self.entries;
        self.index
            .insert_unique(hash, id, |id| entries[*id as usize].hash);
    }

    fn take(&mut self, id: u32) -> Option<Half> {
        let entry = self.entries.try_remove(id as usize)?;
        match self.entries.get_mut(entry.older as usize) {
            Some(older) => older.newer = entry.newer,
            None => self.oldest = entry.newer,
        }
        match self.entries.get_mut(entry.newer as usize) {
            Some(newer) => newer.older = entry.older,
            None => self.newest = entry.older,
        }
        if let Ok(entry) = self.index.find_entry(entry.hash, |other| *other == id) {
            entry.remove();
        }
        Some(entry.half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(side: Side, nanos: u64) -> Half {
        Half {
            side,
            messaging: false,
            failed: false,
            service: NameId::OTHERS,
            peer: None,
            nanos,
            end_unix_nano: 0,
            span_id: [1; 8],
            trace_id: [1; 16],
        }
    }

    fn key(number: u64) -> CallKey {
        CallKey {
            trace_id: [9; 16],
            span_id: number.to_be_bytes(),
        }
    }

    fn waiting(max: usize) -> Waiting {
        Waiting::new(FingerprintKey::random(), max)
    }

    /// Scenario: both sides of a call in both orders, one side twice, and another call.
    /// Guarantees: the sides meet once; a side does not meet itself.
    #[test]
    fn the_sides_of_a_call_meet_once() {
        for (first, second) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
            let mut waiting = waiting(10);
            assert!(matches!(
                waiting.meet(key(1), half(first, 5), 0),
                Met::Nobody
            ));
            assert!(matches!(
                waiting.meet(key(2), half(second, 5), 0),
                Met::Nobody
            ));
            assert!(matches!(waiting.meet(key(1), half(first, 6), 0), Met::Same));
            let met = waiting.meet(key(1), half(second, 7), 0);
            assert!(matches!(met, Met::Other(other) if other.nanos == 5 && other.side == first));
            assert_eq!(waiting.len(), 1);
        }
    }

    /// Scenario: random arrivals and meetings, beside a plain list of who waits.
    /// Guarantees: the oldest is always the one that came first, and the table holds what the list holds.
    #[test]
    fn the_oldest_goes_first() {
        let (mut rng, mut waiting) = (fastrand::Rng::with_seed(7), waiting(1000));
        let mut model: Vec<(u64, u64)> = Vec::new();
        for now_ms in 0..20_000u64 {
            let number = rng.u64(..200);
            match rng.u8(..3) {
                0 => {
                    let taken = waiting.take_oldest(now_ms.saturating_sub(50));
                    let due = model.first().is_some_and(|(_, since)| since + 50 <= now_ms);
                    let expected = due.then(|| model.remove(0).0);
                    assert_eq!(taken.map(|half| half.nanos), expected);
                }
                side => {
                    let side = if side == 1 {
                        Side::Client
                    } else {
                        Side::Server
                    };
                    match waiting.meet(key(number), half(side, number), now_ms) {
                        Met::Nobody => model.push((number, now_ms)),
                        Met::Other(other) => {
                            assert_eq!(other.nanos, number);
                            model.retain(|(waits, _)| *waits != number);
                        }
                        Met::Same => assert!(model.iter().any(|(waits, _)| *waits == number)),
                    }
                }
            }
            assert_eq!(waiting.len(), model.len());
        }
    }
}
