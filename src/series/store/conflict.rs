//! What could not be shown as it was sent, for people: the list behind `/api/conflicts`.

use serde::Serialize;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// How two metrics or senders contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two types under one name: the points of the second are not shown.
    Type,
    /// Two units under one name: the unit of the first is shown, and the points of both.
    Unit,
    /// Two descriptions under one name: that of the first is shown, and the points of both.
    Help,
    /// Two label sets become the same: the points of the second are not shown.
    Labels,
    /// Two senders say the same of themselves: their series are told apart by a made-up instance, or the one that started last is shown.
    Sender,
    /// A limit was reached: further series are not shown, or counted in the overflow series.
    Limit,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// What contradicts what.
    pub kind: ConflictKind,
    /// The exposed name of the metric, or the job for senders.
    pub name: Box<str>,
    /// What is shown.
    pub kept: Box<str>,
    /// What came later.
    pub refused: Box<str>,
    /// Points it has befallen.
    pub points: u64,
    /// When it was first seen, in seconds since the Unix epoch.
    pub first_seen_s: u32,
    /// When it was last seen, in seconds since the Unix epoch.
    pub last_seen_s: u32,
}

/// What a conflict is found by, to count it again cheaply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConflictKey(u64);

/// The conflicts of the recent past, at most [`Conflicts::MAX`].
#[derive(Debug, Default)]
pub struct Conflicts {
    entries: HashMap<ConflictKey, Conflict>,
    hasher: RandomState,
}

impl Conflicts {
    /// How many are kept.
    pub const MAX: usize = 1000;

    /// What the conflict of these is found by; `refused` is the side that came later.
    pub fn key(&self, kind: ConflictKind, name: &str, refused: &str) -> ConflictKey {
        ConflictKey(self.hasher.hash_one((kind, name, refused)))
    }

    /// Notes a conflict over `points`; answers whether it is a new one, which is worth a log line.
    pub fn note(
        &mut self,
        kind: ConflictKind,
        name: &str,
        sides: (&str, &str),
        points: u64,
        now_s: u32,
    ) -> bool {
        let (kept, refused) = sides;
        let key = self.key(kind, name, refused);
        if self.note_again(key, points, now_s) || self.entries.len() >= Conflicts::MAX {
            return false;
        }
        let conflict = Conflict {
            kind,
            name: name.into(),
            kept: kept.into(),
            refused: refused.into(),
            points,
            first_seen_s: now_s,
            last_seen_s: now_s,
        };
        self.entries.insert(key, conflict);
        true
    }

    /// Counts `points` more of a conflict; answers whether it is known.
    pub fn note_again(&mut self, key: ConflictKey, points: u64, now_s: u32) -> bool {
        let Some(known) = self.entries.get_mut(&key) else {
            return false;
        };
        known.points = known.points.saturating_add(points);
        known.last_seen_s = now_s;
        true
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Conflict> {
        let mut all: Vec<_> = self.entries.values().cloned().collect();
        all.sort_by(|a, b| (&a.name, &a.refused).cmp(&(&b.name, &b.refused)));
        all
    }

    /// Forgets those not seen since `before_s`.
    pub fn forget(&mut self, before_s: u32) {
        self.entries
            .retain(|_, conflict| conflict.last_seen_s >= before_s);
    }
}
