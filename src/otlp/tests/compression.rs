//! The bounded codecs.

use std::io::{Read, Write};

use bytes::Bytes;
use fastrand::Rng;
use flate2::{Compression, GzBuilder, read::GzDecoder, write::GzEncoder};

use super::sample;
use crate::otlp::{
    Encoding, InflateError, Signal, can_concatenate, default_level, deflate, inflate, inflate_into,
};

const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

fn compress(encoding: Encoding, content: &[u8]) -> Vec<u8> {
    let chunk = Bytes::copy_from_slice(content);
    deflate(encoding, default_level(encoding), &[chunk])
        .unwrap()
        .to_vec()
}

fn samples() -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(4);
    let mut samples: Vec<_> = (0..50)
        .map(|_| sample::request(Signal::Traces, &mut rng))
        .collect();
    samples.push((0..300_000).map(|_| rng.u8(..)).collect());
    samples.extend([vec![], vec![7; 1_000_000]]);
    samples
}

/// Scenario: contents of every kind, at several levels, in one chunk or several, one after the other
/// through the same pooled state. Guarantees: they come back, from our reader and from the crates'.
#[test]
fn contents_come_back() {
    for (content, level) in samples().iter().zip([1, 6, 3].into_iter().cycle()) {
        let chunks: Vec<_> = content
            .chunks(content.len() / 3 + 1)
            .map(Bytes::copy_from_slice)
            .collect();
        for encoding in BOTH {
            let packed = deflate(encoding, level, &chunks).unwrap();
            assert_eq!(
                inflate(encoding, &packed, content.len()).as_ref(),
                Ok(content)
            );
        }
        let mut unpacked = Vec::new();
        let packed = deflate(Encoding::Gzip, level, &chunks).unwrap();
        GzDecoder::new(&packed[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == *content);
        let packed = deflate(Encoding::Zstd, level, &chunks).unwrap();
        assert!(zstd::decode_all(&packed[..]).unwrap() == *content);
    }
}

/// Scenario: identity. Guarantees: one chunk is passed on uncopied, several are joined, and the
/// limit holds.
#[test]
fn identity_passes_bytes_on() {
    let chunk = Bytes::from_static(b"abc");
    let one = deflate(Encoding::Identity, 0, std::slice::from_ref(&chunk)).unwrap();
    assert_eq!(one.as_ptr(), chunk.as_ptr());
    assert_eq!(
        deflate(Encoding::Identity, 0, &[chunk.clone(), chunk]).unwrap(),
        "abcabc"
    );
    assert_eq!(inflate(Encoding::Identity, b"abc", 3), Ok(b"abc".to_vec()));
    assert_eq!(
        inflate(Encoding::Identity, b"abc", 2),
        Err(InflateError::TooLarge { limit: 2 })
    );
}

/// Scenario: limits around the content's length. Guarantees: exactly the length passes, one less
/// does not.
#[test]
fn the_limit_is_exact() {
    for encoding in BOTH {
        for len in [1, 4095, 4096, 4097, 100_000] {
            let packed = compress(encoding, &vec![b'a'; len]);
            assert_eq!(
                inflate(encoding, &packed, len).map(|out| out.len()),
                Ok(len)
            );
            let too_large = Err(InflateError::TooLarge { limit: len - 1 });
            assert_eq!(
                inflate(encoding, &packed, len - 1),
                too_large,
                "{encoding:?} {len}"
            );
        }
        assert_eq!(inflate(encoding, &compress(encoding, b""), 0), Ok(vec![]));
    }
}

/// Scenario: 32 MiB of zeros in a small body, with a limit of 1 MiB. Guarantees: refused, with no
/// more memory than the limit asks for.
#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 1 << 20];
    let chunks = vec![Bytes::from(zeros); 32];
    for encoding in BOTH {
        let bomb = deflate(encoding, 1, &chunks).unwrap();
        let limit = 1 << 20;
        assert!(bomb.len() < limit);
        let mut out = Vec::new();
        assert_eq!(
            inflate_into(encoding, &bomb, limit, &mut out),
            Err(InflateError::TooLarge { limit })
        );
        assert!(
            out.capacity() <= 2 * limit,
            "{encoding:?} took {}",
            out.capacity()
        );
    }
}

/// Scenario: a gzip trailer and a zstd header that claim gigabytes. Guarantees: no memory is taken on
/// their word.
#[test]
fn claimed_lengths_are_not_believed() {
    let mut gzip = compress(Encoding::Gzip, b"abc");
    let end = gzip.len();
    gzip[end - 4..].copy_from_slice(&[0xff; 4]);
    // A frame with an 8-byte content size of 2 GiB and a window of 2 GiB.
    let zstd = b"\x28\xb5\x2f\xfd\xc0\xa8\x00\x00\x00\x80\x00\x00\x00\x00\x01\x00\x00".to_vec();
    for (encoding, bytes) in [(Encoding::Gzip, gzip), (Encoding::Zstd, zstd)] {
        let mut out = Vec::new();
        let error = inflate_into(encoding, &bytes, 1 << 30, &mut out).unwrap_err();
        assert!(matches!(error, InflateError::Corrupt { .. }), "{error}");
        assert!(out.capacity() < 1 << 16);
    }
}

/// Scenario: several members or frames, one behind the other, empty ones among them. Guarantees: the
/// contents joined, under one limit for all.
#[test]
fn members_and_frames_may_follow_one_another() {
    for encoding in BOTH {
        let parts = [&b"abc"[..], b"", b"defg"]
            .map(|part| compress(encoding, part))
            .concat();
        assert_eq!(inflate(encoding, &parts, 7), Ok(b"abcdefg".to_vec()));
        assert_eq!(
            inflate(encoding, &parts, 6),
            Err(InflateError::TooLarge { limit: 6 })
        );
    }
    let skippable = [
        compress(Encoding::Zstd, b"a"),
        b"\x50\x2a\x4d\x18\x02\x00\x00\x00xx".to_vec(),
    ];
    assert_eq!(
        inflate(Encoding::Zstd, &skippable.concat(), 9),
        Ok(b"a".to_vec())
    );
}

/// Scenario: two streams joined and read by the crates' plain readers. Guarantees: what
/// `can_concatenate` says is true of readers that are not ours.
#[test]
fn only_readers_that_go_on_make_concatenation_safe() {
    let joined = |encoding| [compress(encoding, b"abc"), compress(encoding, b"def")].concat();
    assert!(can_concatenate(Encoding::Identity) && can_concatenate(Encoding::Zstd));
    assert_eq!(
        zstd::decode_all(&joined(Encoding::Zstd)[..]).unwrap(),
        b"abcdef"
    );
    assert!(!can_concatenate(Encoding::Gzip));
    let mut first = Vec::new();
    GzDecoder::new(&joined(Encoding::Gzip)[..])
        .read_to_end(&mut first)
        .unwrap();
    assert_eq!(
        first, b"abc",
        "a common reader stops after the first member"
    );
}

/// Scenario: a stream cut at every byte. Guarantees: an error each time, never a shorter content.
#[test]
fn truncated_streams_are_errors() {
    for encoding in BOTH {
        let content = b"the same words and the same words again".repeat(3);
        let packed = compress(encoding, &content);
        for len in 0..packed.len() {
            let error = inflate(encoding, &packed[..len], 1 << 20).unwrap_err();
            assert_eq!(error, InflateError::Truncated, "{encoding:?} cut to {len}");
        }
    }
}

/// Scenario: something else behind the stream, or in its place. Guarantees: an error that names the
/// encoding.
#[test]
fn other_bytes_are_errors() {
    for encoding in BOTH {
        let packed = compress(encoding, b"abc");
        for bytes in [
            [&packed[..], b"garbage!"].concat(),
            b"not compressed".to_vec(),
            vec![0; 64],
        ] {
            let error = inflate(encoding, &bytes, 1 << 20).unwrap_err();
            assert!(
                matches!(error, InflateError::Corrupt { encoding: named, .. } if named == encoding)
            );
            assert!(error.to_string().contains(encoding.token()), "{error}");
        }
    }
}

/// Scenario: one bit flipped in each byte of a gzip member's content and trailer. Guarantees:
/// noticed.
#[test]
fn gzip_checksums_are_checked() {
    let content = b"some content that compresses, some content";
    let packed = compress(Encoding::Gzip, content);
    let mut unnoticed = 0;
    for at in 10..packed.len() {
        let mut damaged = packed.clone();
        damaged[at] ^= 4;
        if let Ok(found) = inflate(Encoding::Gzip, &damaged, 1 << 20) {
            assert_eq!(found, content, "byte {at}");
            unnoticed += 1;
        }
    }
    // The last byte of the deflate stream may end in bits that mean nothing.
    assert!(unnoticed <= 1);
}

/// Scenario: gzip headers with a name, a comment, extra bytes, a header checksum, reserved flags.
/// Guarantees: read past, or refused, as RFC 1952 asks.
#[test]
fn gzip_headers_are_read_past() {
    let mut writer = GzBuilder::new()
        .filename("a name")
        .comment("a comment")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), Compression::fast());
    writer.write_all(b"abc").unwrap();
    let packed = writer.finish().unwrap();
    assert_eq!(inflate(Encoding::Gzip, &packed, 3), Ok(b"abc".to_vec()));
    for len in 0..packed.len() {
        assert_eq!(
            inflate(Encoding::Gzip, &packed[..len], 3),
            Err(InflateError::Truncated)
        );
    }
    let mut plain = GzEncoder::new(Vec::new(), Compression::fast());
    plain.write_all(b"abc").unwrap();
    let plain = plain.finish().unwrap();
    let with_flags = |flags: u8, behind: &[u8]| {
        let mut header = plain[..10].to_vec();
        header[3] = flags;
        let crc = crc32fast::hash(&header) as u16;
        let behind = if behind.is_empty() {
            crc.to_le_bytes().to_vec()
        } else {
            behind.to_vec()
        };
        [header, behind, plain[10..].to_vec()].concat()
    };
    assert_eq!(
        inflate(Encoding::Gzip, &with_flags(2, &[]), 3),
        Ok(b"abc".to_vec())
    );
    assert!(inflate(Encoding::Gzip, &with_flags(2, &[0, 0]), 3).is_err());
    assert!(inflate(Encoding::Gzip, &with_flags(0x20, &[]), 3).is_err());
}

/// Scenario: a fault, then a good stream on the same thread. Guarantees: pooled state forgets.
#[test]
fn a_fault_does_not_linger() {
    for encoding in BOTH {
        let good = compress(encoding, b"abc");
        for bad in [&b"garbage, garbage"[..], &good[..good.len() - 3], b""] {
            assert!(inflate(encoding, bad, 9).is_err());
            assert_eq!(inflate(encoding, &good, 9), Ok(b"abc".to_vec()));
        }
        assert!(inflate(encoding, &good, 1).is_err());
        assert_eq!(inflate(encoding, &good, 9), Ok(b"abc".to_vec()));
    }
}
