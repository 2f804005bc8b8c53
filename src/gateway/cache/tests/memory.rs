//! The layer in memory.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};

use crate::gateway::cache::entry::Entry;
use crate::gateway::cache::key::CacheKey;
use crate::gateway::cache::memory::{Memory, Slot};
use crate::gateway::cache::rules::Terms;
use crate::gateway::cache::stats::LayerStats;

fn entry(number: usize, bytes: usize) -> Arc<Entry> {
    Arc::new(Entry {
        key: CacheKey::from_bytes(&number.to_le_bytes()),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: vec![0; bytes].into(),
        at: UNIX_EPOCH,
        terms: Terms {
            initial_age: Duration::ZERO,
            lifetime: Duration::ZERO,
            stale_for: Duration::ZERO,
            may_be_stale: false,
            is_public: false,
        },
    })
}

/// Scenario: far more answers than there is memory for, of many sizes. Guarantees: never more than the limit, as counted with keys and heads;
/// what was given up is counted; every answer that is not larger than was said finds room.
#[test]
fn memory_is_bounded() {
    let stats = Arc::new(LayerStats::default());
    let limit = 1 << 20;
    let memory = Memory::new(limit, 64 << 10, Arc::clone(&stats));
    for number in 0..2000 {
        let entry = entry(number, number * 37 % (64 << 10));
        let key = entry.key.clone();
        memory.keep(entry);
        assert!(memory.memory().bytes <= limit);
        assert!(matches!(memory.get(&key), Some(Slot::Entry(_))), "{number}");
    }
    let reading = stats.read("L1");
    assert_eq!(reading.sets, 2000);
    assert_eq!(reading.evictions, 2000 - memory.memory().entries);
    assert_eq!(
        (reading.compression_ratio, memory.memory().limit_bytes),
        (1.0, limit)
    );
}

/// Scenario: an answer that is larger than all memory. Guarantees: it is not kept, takes none of the others' room, and nothing older
/// stands in its place.
#[test]
fn what_is_too_large_is_not_kept() {
    let memory = Memory::new(64 << 10, 1 << 20, Arc::default());
    memory.keep(entry(1, 100));
    memory.keep(entry(2, 100));
    memory.keep(entry(1, 1 << 20));
    assert!(memory.get(&entry(1, 0).key).is_none());
    assert!(memory.get(&entry(2, 0).key).is_some());
}
