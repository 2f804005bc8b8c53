//! What a series is found by: a keyed hash of 128 bits over everything that identifies it.
//!
//! The key is drawn at random for each process, so that a sender can't make two identities collide
//! on purpose; by chance two of a million collide with a probability below 10⁻²⁶.

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The hash of an identity, or of a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    low: u64,
    high: u64,
}

/// The process' key to fingerprints.
#[derive(Clone, Copy, Debug)]
pub struct FingerprintKey(u64);

impl FingerprintKey {
    /// A key that nobody outside can know.
    pub fn random() -> FingerprintKey {
        FingerprintKey(RandomState::new().hash_one("fingerprint"))
    }

    /// A key that gives the same fingerprints in every process; for what must survive a restart.
    pub const fn stable() -> FingerprintKey {
        FingerprintKey(0)
    }

    /// The fingerprint of `bytes`.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> Fingerprint {
        Fingerprint::from_u128(xxh3_128_with_seed(bytes, self.0))
    }
}

impl Fingerprint {
    #[inline]
    fn from_u128(hash: u128) -> Fingerprint {
        Fingerprint {
            low: hash as u64,
            high: (hash >> 64) as u64,
        }
    }

    /// The fingerprint of a set with one more member: the order of members makes no difference,
    /// because attributes are a set whose order senders may change.
    #[inline]
    #[must_use]
    pub fn with_member(self, member: Fingerprint) -> Fingerprint {
        Fingerprint {
            low: self.low.wrapping_add(member.low),
            high: self.high.wrapping_add(member.high),
        }
    }

    /// The fingerprint of this followed by `next`: the order makes a difference.
    #[inline]
    #[must_use]
    pub fn then(self, next: Fingerprint) -> Fingerprint {
        Fingerprint {
            low: mix(self.low ^ next.high.rotate_left(29), next.low),
            high: mix(self.high ^ next.low.rotate_left(17), next.high),
        }
    }

    /// The fingerprint of this followed by a small number, such as an id or a kind.
    #[inline]
    #[must_use]
    pub fn then_number(self, number: u64) -> Fingerprint {
        self.then(Fingerprint {
            low: number,
            high: !number,
        })
    }

    /// 64 bits of it, for hash tables.
    #[inline]
    pub const fn short(self) -> u64 {
        self.low
    }
}

/// Folds the full product of two numbers, the mixing step of wyhash; odd constants keep zero away.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product =
        u128::from(a ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(u128::from(b ^ 0xd6e8_feb8_6659_fd93));
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the same two members in both orders, then as a sequence in both orders.
    /// Guarantees: as a set they are one identity, as a sequence two.
    #[test]
    fn sets_have_no_order_and_sequences_have_one() {
        let key = FingerprintKey::random();
        let (a, b) = (key.of(b"a"), key.of(b"b"));
        let empty = Fingerprint::default();
        assert_eq!(
            empty.with_member(a).with_member(b),
            empty.with_member(b).with_member(a)
        );
        assert_ne!(a.then(b), b.then(a));
        assert_ne!(a.then_number(1), a.then_number(2));
    }

    /// Scenario: a hundred thousand sequences of two small numbers.
    /// Guarantees: all are told apart, in the 64 bits of hash tables as well.
    #[test]
    fn small_numbers_are_told_apart() {
        let start = FingerprintKey::random().of(b"start");
        let all = (0..300).flat_map(|a| (0..300).map(move |b| start.then_number(a).then_number(b)));
        let mut short: Vec<u64> = all.map(Fingerprint::short).collect();
        let made = short.len();
        short.sort_unstable();
        short.dedup();
        assert_eq!(short.len(), made);
    }
}
