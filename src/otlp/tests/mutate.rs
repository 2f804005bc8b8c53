//! Small damage to bytes, as networks, bugs and attackers do it.

use fastrand::Rng;

/// Bytes that mean something to the formats in question.
const TELLING: [u8; 16] = [
    0x00, 0x01, 0x07, 0x0a, 0x12, 0x1a, 0x7f, 0x80, 0xff, 0x85, b'"', b'{', b'[', b',', b'\\', b'e',
];

/// Changes `bytes` in one to four places.
pub(super) fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.usize(1..=4) {
        mutate_once(bytes, rng);
    }
}

fn mutate_once(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..16)).min(bytes.len());
    match rng.u8(..8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, TELLING[rng.usize(..TELLING.len())]),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, copy);
        }
        4 => bytes.insert(at, rng.u8(..)),
        _ if at == bytes.len() => {}
        5 => bytes[at] ^= 1 << rng.u8(..8),
        6 => bytes[at] = TELLING[rng.usize(..TELLING.len())],
        _ => bytes[at] = bytes[at].wrapping_add(rng.u8(..3)),
    }
}
