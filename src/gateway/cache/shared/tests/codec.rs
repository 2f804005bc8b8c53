//! Answers as they are written down for other agents.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::gateway::cache::entry::Entry;
use crate::gateway::cache::key::{CacheKey, Vary};
use crate::gateway::cache::rules::Terms;
use crate::gateway::cache::shared::codec::Record;

const LIMIT: usize = 1 << 20;

fn entry() -> impl Strategy<Value = Entry> {
    let header = ("x-[a-z]{1,8}", "[ -~]{0,20}");
    let times = (
        0_u64..1 << 40,
        0_u64..1 << 40,
        0_u64..1 << 40,
        0_u64..1 << 40,
    );
    (
        vec(any::<u8>(), 0..40),
        200_u16..600,
        vec(header, 0..6),
        vec(any::<u8>(), 0..2000),
        times,
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(key, status, pairs, body, (at, age, fresh, stale), (public, may))| Entry {
                key: CacheKey::from_bytes(&key),
                status: StatusCode::from_u16(status).unwrap(),
                headers: pairs
                    .iter()
                    .map(|(name, value)| {
                        let name = HeaderName::try_from(name.as_str()).unwrap();
                        (name, HeaderValue::try_from(value.as_str()).unwrap())
                    })
                    .collect::<HeaderMap>(),
                body: body.into(),
                at: UNIX_EPOCH + Duration::from_millis(at),
                terms: Terms {
                    initial_age: Duration::from_millis(age),
                    lifetime: Duration::from_millis(fresh),
                    stale_for: Duration::from_millis(stale),
                    may_be_stale: may,
                    is_public: public,
                },
            },
        )
}

fn written(record: &Record, is_compressed: bool) -> Vec<u8> {
    record.encode(is_compressed).unwrap().bytes
}

proptest! {
    /// Scenario: any answer, compressed and not. Guarantees: it is read as it was written, and only under its own key.
    #[test]
    fn what_is_written_is_read(entry in entry(), is_compressed: bool) {
        let key = entry.key.clone();
        let record = Record::Entry(Arc::new(entry));
        let bytes = written(&record, is_compressed);
        prop_assert_eq!(Record::decode(&bytes, &key, LIMIT), Some(record));
        let other = CacheKey::from_bytes(b"\xffanother key that no answer has, longer than any of them");
        prop_assert_eq!(Record::decode(&bytes, &other, LIMIT), None);
    }

    /// Scenario: one byte is another, or the end is missing. Guarantees: nothing is read.
    #[test]
    fn damage_is_noticed(entry in entry(), is_compressed: bool, at: prop::sample::Index, flip in 1_u8..) {
        let key = entry.key.clone();
        let whole = written(&Record::Entry(Arc::new(entry)), is_compressed);
        let at = at.index(whole.len());
        prop_assert_eq!(Record::decode(&whole[..at], &key, LIMIT), None);
        let mut damaged = whole;
        damaged[at] ^= flip;
        prop_assert_eq!(Record::decode(&damaged, &key, LIMIT), None);
    }

    /// Scenario: any bytes, with a head that fits them. Guarantees: reading ends, whatever lengths they claim.
    #[test]
    fn hostile_bytes_are_read_to_an_end(content in vec(any::<u8>(), 0..200), kind in 0_u8..4, length: u32) {
        for length in [length, content.len() as u32] {
            let mut bytes = vec![1, kind];
            bytes.extend(length.to_le_bytes());
            bytes.extend(xxhash_rust::xxh3::xxh3_64(&content).to_le_bytes());
            bytes.extend(&content);
            let _ = Record::decode(&bytes, &CacheKey::from_bytes(b""), LIMIT);
        }
    }
}

/// Scenario: the headers that answers depend on. Guarantees: they are read as they were written.
#[test]
fn vary_is_read() {
    let key = CacheKey::from_bytes(b"key");
    let vary = Vary::new(vec![http::header::ACCEPT, http::header::ACCEPT_ENCODING]);
    let record = Record::Vary(key.clone(), vary);
    let bytes = written(&record, false);
    assert_eq!(Record::decode(&bytes, &key, LIMIT), Some(record));
    assert_eq!(
        Record::decode(&bytes, &CacheKey::from_bytes(b"kez"), LIMIT),
        None
    );
}

fn sample(body: Bytes, headers: HeaderMap) -> Entry {
    Entry {
        key: CacheKey::from_bytes(b"key"),
        status: StatusCode::OK,
        headers,
        body,
        at: UNIX_EPOCH,
        terms: Terms {
            initial_age: Duration::ZERO,
            lifetime: Duration::ZERO,
            stale_for: Duration::ZERO,
            may_be_stale: false,
            is_public: false,
        },
    }
}

/// Scenario: a body that shrinks a thousand times, under limits around its size. Guarantees: it is small, and inflates no further than the
/// limit.
#[test]
fn inflating_is_bounded() {
    let entry = sample(vec![0; 4 << 20].into(), HeaderMap::new());
    let key = entry.key.clone();
    let record = Record::Entry(Arc::new(entry));
    let compressed = record.encode(true).unwrap();
    assert!(compressed.bytes.len() < 4096, "{}", compressed.bytes.len());
    assert_eq!(
        Record::decode(&compressed.bytes, &key, compressed.plain_bytes - 1),
        None
    );
    assert_eq!(
        Record::decode(&compressed.bytes, &key, compressed.plain_bytes),
        Some(record)
    );
    // A head that claims less than there is.
    let mut lying = compressed.bytes;
    lying[2..6].copy_from_slice(&100_u32.to_le_bytes());
    assert_eq!(Record::decode(&lying, &key, LIMIT), None);
}

/// Scenario: answers that no agent writes down: with a cookie, or with headers of a connection. Guarantees: they are not believed.
#[test]
fn what_no_agent_writes_is_not_believed() {
    for name in ["set-cookie", "transfer-encoding", "connection", "age"] {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        let record = Record::Entry(Arc::new(sample(Bytes::new(), headers)));
        let bytes = written(&record, false);
        assert_eq!(
            Record::decode(&bytes, &CacheKey::from_bytes(b"key"), LIMIT),
            None,
            "{name}"
        );
    }
}
