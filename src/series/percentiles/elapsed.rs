//! Time that only goes forward, made from a clock that may be set.

use crate::series::store::Moment;

/// How much time has passed, by the moments seen: a clock set back adds nothing, and goes on from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elapsed {
    latest: Option<Moment>,
    elapsed_ms: u64,
}

impl Elapsed {
    /// Milliseconds between the first moment and `now`.
    #[inline]
    pub fn at(&self, now: Moment) -> u64 {
        let latest = self.latest.unwrap_or(now);
        let passed_ms = now.unix_ms.saturating_sub(latest.unix_ms);
        self.elapsed_ms.saturating_add(passed_ms)
    }

    /// As [`Elapsed::at`], and counts on from `now`.
    #[inline]
    pub fn advance(&mut self, now: Moment) -> u64 {
        self.elapsed_ms = self.at(now);
        self.latest = Some(now);
        self.elapsed_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a clock that goes on, is set back by an hour, and goes on.
    /// Guarantees: time passes while it goes on, stands while it is set back, and never returns.
    #[test]
    fn a_clock_set_back_does_not_turn_time_back() {
        let mut elapsed = Elapsed::default();
        let hour_ms = 3_600_000;
        let table = [
            (10 * hour_ms, 0),
            (10 * hour_ms + 5, 5),
            (9 * hour_ms, 5),
            (9 * hour_ms + 7, 12),
            (u64::MAX, u64::MAX - 9 * hour_ms + 5),
            (0, u64::MAX - 9 * hour_ms + 5),
        ];
        for (unix_ms, expected) in table {
            let now = Moment { unix_ms };
            assert_eq!(elapsed.at(now), expected);
            assert_eq!(elapsed.advance(now), expected);
        }
    }
}
