//! The views and prost agree on every request that is accepted.

use fastrand::Rng;

use super::scramble::{child, scramble};
use super::{expected, rebuilt};
use crate::otlp::schema::{self, Label, Schema};
use crate::otlp::tests::{mutate::mutate, oracle::decode, sample};
use crate::otlp::wire::{self, Value};
use crate::otlp::{Signal, inspect};

/// Asserts that the views say of `bytes` what prost does.
fn assert_agreement(signal: Signal, bytes: &[u8]) {
    assert!(inspect(signal, bytes).is_ok(), "{signal} {bytes:02x?}");
    let mut decoded = decode(signal, bytes).unwrap();
    expected::reduce(&mut decoded);
    let seen = rebuilt::request(signal, bytes);
    // Encoded, since NaN equals nothing.
    if seen.encode() != decoded.encode() {
        panic!("{signal} {bytes:02x?}: views {seen:#?}, prost {decoded:#?}");
    }
}

/// Whether a message that should stand once comes in pieces, somewhere in an accepted message.
fn is_in_pieces(schema: &Schema, message: &[u8]) -> bool {
    let mut seen = Vec::new();
    wire::fields(message).flatten().any(|(number, value)| {
        let known = schema.fields.iter().find(|field| field.number == number);
        let (Some(field), Value::Len(inner)) = (known, value) else {
            return false;
        };
        let Some(schema) = child(field) else {
            return false;
        };
        let again = field.label != Label::Repeated && seen.contains(&number);
        seen.push(number);
        again || is_in_pieces(schema, inner)
    })
}

/// Scenario: random requests of every signal with every field. Guarantees: every field that the
/// views read is what prost reads.
#[test]
fn random_requests_read_as_by_prost() {
    let mut rng = Rng::with_seed(11);
    for _ in 0..300 {
        for signal in Signal::ALL {
            assert_agreement(signal, &sample::request(signal, &mut rng));
        }
    }
}

/// Scenario: fields out of order, unknown fields, single fields that stand twice, lists packed in
/// part, long tags. Guarantees: as prost.
#[test]
fn scrambled_requests_read_as_by_prost() {
    let mut rng = Rng::with_seed(12);
    for _ in 0..300 {
        for signal in Signal::ALL {
            let request = sample::request(signal, &mut rng);
            let scrambled = scramble(schema::request(signal), &request, &mut rng);
            assert_agreement(signal, &scrambled);
        }
    }
}

/// Scenario: random damage that the walk accepts, other than messages in pieces. Guarantees: as
/// prost.
#[test]
fn damaged_requests_read_as_by_prost() {
    let mut rng = Rng::with_seed(13);
    let (mut compared, mut in_pieces) = (0, 0);
    for _ in 0..1_500 {
        for signal in Signal::ALL {
            let mut bytes = sample::request(signal, &mut rng);
            mutate(&mut bytes, &mut rng);
            if inspect(signal, &bytes).is_err() {
                continue;
            }
            if is_in_pieces(schema::request(signal), &bytes) {
                in_pieces += 1;
            } else {
                assert_agreement(signal, &bytes);
                compared += 1;
            }
        }
    }
    assert!(
        compared > 500 && in_pieces < compared / 20,
        "{compared} compared, {in_pieces} not"
    );
}
