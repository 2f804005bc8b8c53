//! Exponential backoff with full jitter.

use std::time::Duration;

/// How long to wait before each further attempt.
///
/// The ceiling of the n-th wait is `initial * 2^n`, at most `max`; the wait is drawn evenly from
/// zero to that ceiling ("full jitter", Brooker, "Exponential Backoff And Jitter", 2015), so that
/// senders which failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    /// A backoff whose first ceiling is `initial` and whose last is `max`.
    pub fn new(initial: Duration, max: Duration) -> Backoff {
        Backoff {
            initial,
            max: max.max(initial),
        }
    }

    /// The longest wait after `failures` failed attempts (1 = the first).
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }

    /// The wait after `failures` failed attempts; `chance` is a random number in `0.0..1.0`.
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        self.ceiling(failures).mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        initial: Duration::from_millis(100),
        max: Duration::from_secs(30),
    };

    /// Scenario: attempts keep failing. Guarantees: the ceiling doubles and then stays at the cap,
    /// however many failures there were.
    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let ceilings: Vec<u128> = [1, 2, 3, 9, 10, u32::MAX]
            .map(|n| BACKOFF.ceiling(n).as_millis())
            .to_vec();
        assert_eq!(ceilings, [100, 200, 400, 25_600, 30_000, 30_000]);
    }

    /// Scenario: the whole range of chance. Guarantees: the wait spans zero to the ceiling.
    #[test]
    fn the_wait_spans_the_whole_range() {
        assert_eq!(BACKOFF.wait(3, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.wait(3, 0.5), Duration::from_millis(200));
        assert_eq!(BACKOFF.wait(3, 1.0), Duration::from_millis(400));
    }
}
