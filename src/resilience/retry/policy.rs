//! How often and after which wait.

use std::time::{Duration, Instant};

/// Each wait is at most this many times the one before it.
const GROWTH: u32 = 3;

/// How often a call is made, and how long is waited in between.
///
/// The waits are those of "decorrelated jitter" (Brooker, "Exponential Backoff And Jitter", 2015), which draws each evenly between `base` and
/// three times the one before, at most `max`. Two things differ, so that callers which failed together do not come back together even once:
///
/// | wait | drawn evenly from |
/// |---|---|
/// | the first | 0 to `base` |
/// | further ones | `base` to 3 × the one drawn before (at least `base`), at most `max` |
/// | where the other side asked for one | what it asked for, to `base` more; what would have been drawn, where that is longer |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// The upper end of the first wait and the lower end of all others.
    pub base: Duration,
    /// The greatest wait. Less than `base` counts as `base`.
    pub max: Duration,
    /// No attempt begins later than this after the first.
    pub within: Duration,
}

impl Default for RetryPolicy {
    /// Three attempts within 30 s, the first wait up to 100 ms.
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 3,
            base: Duration::from_millis(100),
            max: Duration::from_secs(10),
            within: Duration::from_secs(30),
        }
    }
}

/// What follows an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt after this wait.
    After(Duration),
    /// No other.
    Enough(Enough),
}

/// Why no other attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// As many as there may be were made.
    Attempts,
    /// The next would begin too late.
    TooLate,
    /// The other side asks for more patience than there is; its caller should know how much.
    AskedTooLong(Duration),
}

impl Enough {
    /// The reason in a word, for an attribute.
    pub const fn name(self) -> &'static str {
        match self {
            Enough::Attempts => "attempts",
            Enough::TooLate => "too_late",
            Enough::AskedTooLong(_) => "asked_too_long",
        }
    }
}

/// The attempts of one call.
#[derive(Clone, Debug)]
pub struct Retry {
    policy: RetryPolicy,
    began: Instant,
    attempts_made: u32,
    last_wait: Duration,
}

impl Retry {
    /// A call whose first attempt begins at `now`.
    pub fn new(policy: RetryPolicy, now: Instant) -> Retry {
        Retry {
            policy,
            began: now,
            attempts_made: 0,
            last_wait: Duration::ZERO,
        }
    }

    /// How many attempts have failed.
    pub fn attempts_made(&self) -> u32 {
        self.attempts_made
    }

    /// An attempt failed at `now`. `asked` is how long the other side wants to be left alone: it is never asked sooner. `chance` is a random
    /// number in `0.0..1.0`.
    pub fn next(&mut self, now: Instant, asked: Option<Duration>, chance: f64) -> Next {
        self.attempts_made = self.attempts_made.saturating_add(1);
        if self.attempts_made >= self.policy.attempts {
            return Next::Enough(Enough::Attempts);
        }
        if let Some(asked) = asked.filter(|asked| *asked > self.policy.max) {
            return Next::Enough(Enough::AskedTooLong(asked));
        }
        self.last_wait = self.draw(chance);
        let asked = asked.map(|asked| asked.saturating_add(part(self.policy.base, chance)));
        let wait = self.last_wait.max(asked.unwrap_or_default());
        let passed = now.saturating_duration_since(self.began);
        match passed.saturating_add(wait) > self.policy.within {
            true => Next::Enough(Enough::TooLate),
            false => Next::After(wait),
        }
    }

    fn draw(&self, chance: f64) -> Duration {
        let (base, max) = (self.policy.base, self.policy.max.max(self.policy.base));
        let (least, most) = match self.attempts_made {
            1 => (Duration::ZERO, base),
            _ => (base, self.last_wait.max(base).saturating_mul(GROWTH)),
        };
        let most = most.min(max);
        least.saturating_add(part(most.saturating_sub(least), chance))
    }
}

/// That share of `whole`. Unlike [`Duration::mul_f64`] it takes every number: what is none counts as 1.
fn part(whole: Duration, chance: f64) -> Duration {
    let seconds = whole.as_secs_f64() * chance.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(seconds).map_or(whole, |part| part.min(whole))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn policy(attempts: u32) -> RetryPolicy {
        RetryPolicy {
            attempts,
            base: 100 * MS,
            max: 2000 * MS,
            within: Duration::from_secs(30),
        }
    }

    /// Scenario: every attempt fails, with the greatest chance each time. Guarantees: the waits grow threefold up to the greatest, and
    /// there are as many attempts as the policy says.
    #[test]
    fn waits_grow_up_to_the_greatest() {
        let now = Instant::now();
        let mut retry = Retry::new(policy(6), now);
        let waits: Vec<Next> = (0..6).map(|_| retry.next(now, None, 1.0)).collect();
        let after = |ms: u32| Next::After(ms * MS);
        let expected = [100, 300, 900, 2000, 2000].map(after);
        assert_eq!(waits[..5], expected);
        assert_eq!(waits[5], Next::Enough(Enough::Attempts));
        assert_eq!(retry.attempts_made(), 6);
    }

    /// Scenario: the same with the least chance. Guarantees: the first wait may be none, later ones are at least the base.
    #[test]
    fn waits_have_a_lower_end() {
        let now = Instant::now();
        let mut retry = Retry::new(policy(4), now);
        let waits = [(); 3].map(|()| retry.next(now, None, 0.0));
        let expected = [Duration::ZERO, 100 * MS, 100 * MS].map(Next::After);
        assert_eq!(waits, expected);
    }

    /// Scenario: the other side asks for patience. Guarantees: it is never asked sooner; where it asks for more than there is, the caller
    /// is told how much.
    #[test]
    fn the_other_sides_wish_comes_first() {
        let now = Instant::now();
        let mut retry = Retry::new(policy(9), now);
        assert_eq!(
            retry.next(now, Some(1500 * MS), 0.5),
            Next::After(1550 * MS)
        );
        assert_eq!(retry.next(now, Some(MS), 1.0), Next::After(300 * MS));
        let asked = Duration::from_secs(60);
        let enough = Next::Enough(Enough::AskedTooLong(asked));
        assert_eq!(retry.next(now, Some(asked), 0.5), enough);
    }

    /// Scenario: attempts that take long. Guarantees: none begins later than `within` after the first.
    #[test]
    fn no_attempt_begins_too_late() {
        let now = Instant::now();
        let mut retry = Retry::new(policy(9), now);
        let late = now + Duration::from_secs(30);
        assert_eq!(retry.next(late, None, 0.0), Next::After(Duration::ZERO));
        assert_eq!(retry.next(late, None, 0.0), Next::Enough(Enough::TooLate));
    }

    /// Scenario: the longest times that there are, and chances that are no numbers. Guarantees: no panic, and waits within the policy.
    #[test]
    fn every_policy_and_chance_makes_a_wait() {
        let now = Instant::now();
        let policy = RetryPolicy {
            attempts: u32::MAX,
            base: Duration::MAX,
            max: Duration::MAX,
            within: Duration::MAX,
        };
        for chance in [f64::NAN, f64::INFINITY, -1.0, 2.0] {
            let mut retry = Retry::new(policy, now);
            for _ in 0..3 {
                let asked = Some(Duration::MAX);
                assert_eq!(retry.next(now, asked, chance), Next::After(Duration::MAX));
            }
        }
    }

    /// Scenario: one attempt in all. Guarantees: nothing is repeated, whatever is asked.
    #[test]
    fn one_attempt_is_one_attempt() {
        let now = Instant::now();
        let next = Retry::new(policy(1), now).next(now, Some(MS), 0.0);
        assert_eq!(next, Next::Enough(Enough::Attempts));
    }

    proptest! {
        /// Scenario: any chances and any wishes. Guarantees: every wait lies within the policy and is at least what was asked.
        #[test]
        fn every_wait_is_within_the_policy(
            chances in prop::collection::vec((0.0..1.0f64, prop::option::of(0u64..5_000)), 1..12)
        ) {
            let (now, policy) = (Instant::now(), policy(12));
            let mut retry = Retry::new(policy, now);
            for (chance, asked) in chances {
                let asked = asked.map(Duration::from_millis);
                if let Next::After(wait) = retry.next(now, asked, chance) {
                    let most = policy.max.max(asked.unwrap_or_default() + policy.base);
                    prop_assert!(wait <= most && wait >= asked.unwrap_or_default());
                }
            }
        }
    }
}
