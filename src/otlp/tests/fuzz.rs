//! Bounded fuzzing without a fuzzer: seeded mutation for `LINESIDE_FUZZ_SECONDS` (default 10), shared
//! by three targets. `fuzz/` holds the same properties for cargo-fuzz.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::mutate::mutate;
use super::oracle::{assert_agreement, decode};
use super::{render::render, sample};
use crate::otlp::{Encoding, Signal, deflate, inflate, inspect, json_to_protobuf, schema};

/// Runs `round` with a new seed each time until its share of the time is over; names the seed of a
/// round that panics.
fn for_a_while(round: impl Fn(&mut Rng) + std::panic::RefUnwindSafe) {
    let seconds = std::env::var("LINESIDE_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let time = Duration::from_secs_f64(seconds.unwrap_or(10.0) / 3.0);
    let (start, first_seed) = (Instant::now(), fastrand::u64(..));
    let mut seed = first_seed;
    while start.elapsed() < time {
        let outcome = std::panic::catch_unwind(|| round(&mut Rng::with_seed(seed)));
        assert!(outcome.is_ok(), "the round with seed {seed} failed");
        seed = seed.wrapping_add(1);
    }
    assert!(
        seed.wrapping_sub(first_seed) > 10,
        "too slow to mean anything"
    );
}

fn any_signal(rng: &mut Rng) -> Signal {
    Signal::ALL[rng.usize(..3)]
}

/// Scenario: damaged requests. Guarantees: no panic, and prost's verdict and counts.
#[test]
fn the_walk_survives() {
    for_a_while(|rng| {
        let signal = any_signal(rng);
        let mut bytes = sample::request(signal, rng);
        for _ in 0..8 {
            mutate(&mut bytes, rng);
            assert_agreement(signal, &bytes);
        }
    });
}

/// Scenario: damaged documents. Guarantees: no panic; what is accepted is a valid request, at
/// most four times as long as the document, and what serde_json refuses as JSON is refused.
#[test]
fn the_json_reader_survives() {
    for_a_while(|rng| {
        let signal = any_signal(rng);
        let message = sample::request(signal, rng);
        let mut json = render(schema::request(signal), &message, rng).into_bytes();
        for _ in 0..8 {
            mutate(&mut json, rng);
            if let Ok(bytes) = json_to_protobuf(signal, &json) {
                assert!(inspect(signal, &bytes).is_ok() && decode(signal, &bytes).is_ok());
                assert!(bytes.len() <= 4 * json.len());
                let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(&json);
                assert!(parsed.is_ok(), "{parsed:?} of {}", json.escape_ascii());
            }
        }
    });
}

/// Scenario: damaged streams. Guarantees: no panic, never more than the limit.
#[test]
fn inflating_survives() {
    for_a_while(|rng| {
        let encoding = [Encoding::Gzip, Encoding::Zstd][rng.usize(..2)];
        let signal = any_signal(rng);
        let chunks = [Bytes::from(sample::request(signal, rng))];
        let mut bytes = deflate(encoding, rng.i32(1..4), &chunks).unwrap().to_vec();
        for _ in 0..8 {
            mutate(&mut bytes, rng);
            let limit = rng.usize(..2 * chunks[0].len() + 2);
            if let Ok(content) = inflate(encoding, &bytes, limit) {
                assert!(content.len() <= limit);
            }
        }
    });
}
