//! The wire primitives.

use crate::otlp::wire::{self, Fault, Value, WireType};

/// Scenario: varints of every length, cut short, too long. Guarantees: the value, or which of the
/// two went wrong; what is read is gone from the slice, what is not remains.
#[test]
fn varints_are_read_within_64_bits() {
    let ten = |last: u8| [vec![0xff; 9], vec![last]].concat();
    let table: &[(&[u8], Result<u64, Fault>)] = &[
        (&[0], Ok(0)),
        (&[0x7f], Ok(127)),
        (&[0x80, 0x01], Ok(128)),
        (&[0xff, 0x00], Ok(127)),
        (&ten(1), Ok(u64::MAX)),
        (&ten(2), Err(Fault::VarintTooLong)),
        (&ten(0x80), Err(Fault::VarintTooLong)),
        (&[0xff; 11], Err(Fault::VarintTooLong)),
        (&[], Err(Fault::Truncated)),
        (&[0x80], Err(Fault::Truncated)),
        (&[0xff; 9], Err(Fault::Truncated)),
    ];
    for (bytes, expected) in table {
        let mut rest = *bytes;
        assert_eq!(wire::varint(&mut rest), *expected, "{bytes:02x?}");
        assert_eq!(
            rest.is_empty(),
            expected.is_ok() || bytes.is_empty(),
            "{bytes:02x?}"
        );
    }
}

/// Scenario: values written at every power of two. Guarantees: they read back.
#[test]
fn varints_round_trip() {
    for value in (0..64)
        .map(|bit| 1 << bit)
        .flat_map(|power: u64| [power - 1, power])
    {
        let mut bytes = Vec::new();
        wire::put_varint(&mut bytes, value);
        assert_eq!(bytes.len(), prost::encoding::encoded_len_varint(value));
        assert_eq!(wire::varint(&mut bytes.as_slice()), Ok(value));
    }
}

/// Scenario: tags with a number and type, with none, with too much. Guarantees: each fault has its
/// name.
#[test]
fn tags_are_checked() {
    type Tag = Result<(u32, WireType), Fault>;
    let table: &[(&[u8], Tag)] = &[
        (&[0x08], Ok((1, WireType::Varint))),
        (&[0x85, 0x01], Ok((16, WireType::Fixed32))),
        (
            &[0xfa, 0xff, 0xff, 0xff, 0x0f],
            Ok((u32::MAX >> 3, WireType::Len)),
        ),
        (&[0x02], Err(Fault::FieldZero)),
        (&[0x0e], Err(Fault::BadWireType)),
        (&[0x0f], Err(Fault::BadWireType)),
        (&[0x80, 0x80, 0x80, 0x80, 0x10], Err(Fault::TagTooLarge)),
    ];
    for (bytes, expected) in table {
        assert_eq!(wire::tag(&mut &**bytes), *expected, "{bytes:02x?}");
    }
}

/// Scenario: values of every wire type, whole and cut. Guarantees: skipping ends exactly behind the
/// value, and groups end where their own number says.
#[test]
fn skipping_ends_behind_the_value() {
    let table: &[(WireType, &[u8], Result<(), Fault>)] = &[
        (WireType::Varint, &[0x80, 0x01], Ok(())),
        (WireType::Fixed64, &[0; 8], Ok(())),
        (WireType::Fixed64, &[0; 7], Err(Fault::Truncated)),
        (WireType::Fixed32, &[0; 4], Ok(())),
        (WireType::Fixed32, &[0; 3], Err(Fault::Truncated)),
        (WireType::Len, &[2, 0, 0], Ok(())),
        (WireType::Len, &[3, 0, 0], Err(Fault::LengthBeyondEnd)),
        (WireType::StartGroup, &[0x08, 0x01, 0x3c], Ok(())),
        (WireType::StartGroup, &[0x0b, 0x0c, 0x3c], Ok(())),
        (WireType::StartGroup, &[0x08, 0x01], Err(Fault::Truncated)),
        (
            WireType::StartGroup,
            &[0x44],
            Err(Fault::UnexpectedEndGroup),
        ),
        (WireType::EndGroup, &[], Err(Fault::UnexpectedEndGroup)),
    ];
    for (wire_type, bytes, expected) in table {
        let mut rest = *bytes;
        assert_eq!(
            wire::skip(7, *wire_type, &mut rest, 10),
            *expected,
            "{wire_type:?} {bytes:02x?}"
        );
        assert!(expected.is_err() || rest.is_empty());
    }
}

/// Scenario: ten thousand groups, one in the other. Guarantees: an error, not an overflowing stack.
#[test]
fn nested_groups_are_limited() {
    let bytes = vec![0x0b; 10_000];
    assert_eq!(
        wire::skip(
            1,
            WireType::StartGroup,
            &mut bytes.as_slice(),
            wire::MAX_DEPTH
        ),
        Err(Fault::TooDeep)
    );
}

/// Scenario: a message whose second field is cut. Guarantees: the first is given, then the fault,
/// then nothing more.
#[test]
fn fields_end_after_a_fault() {
    let found: Vec<_> = wire::fields(&[0x08, 0x05, 0x12, 0x09]).collect();
    assert_eq!(
        found,
        [Ok((1, Value::Varint(5))), Err(Fault::LengthBeyondEnd)]
    );
}

/// Scenario: messages of lengths around those where a varint grows, with room for too few, the right and too many bytes.
/// Guarantees: the length is that of the message, in as few bytes as there can be, and the message is whole.
#[test]
fn lengths_stand_before_what_they_measure() {
    for len in [0_usize, 1, 127, 128, 16_383, 16_384, 3_000_000] {
        for room in [1, 2, 4] {
            let mut out = b"before".to_vec();
            wire::put_delimited(&mut out, room, |out| {
                out.extend((0..len).map(|place| place as u8));
            });
            let mut rest = out.strip_prefix(b"before").unwrap();
            assert_eq!(wire::varint(&mut rest).unwrap(), len as u64);
            assert!(
                rest.iter()
                    .enumerate()
                    .all(|(place, byte)| *byte == place as u8)
            );
            assert_eq!(rest.len(), len);
            assert_eq!(out.len(), 6 + wire::varint_len(len as u64) + len);
        }
    }
}
