//! How many repetitions an upstream gets in all, whatever each call would like.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long what was earned is worth something (Finagle's and linkerd's `ttl`).
const MEMORY: Duration = Duration::from_secs(10);
/// What is kept however long nobody needs it, so that a service with little to do gets its repetitions as well.
const SAVINGS: f64 = 10.0;
/// The greatest ratio and floor.
const MOST: f64 = 1e6;

/// Repetitions earned by calls: while most succeed, each failure is repeated; while all fail, only a share of them is, so that an upstream that
/// suffers is not asked three times as often (Finagle, `RetryBudget`; linkerd, "Retry Budgets").
///
/// A token bucket. Each call puts `ratio` in, each second `floor`; a repetition takes one out. Its size follows the traffic: ten repetitions, or
/// what ten seconds bring of the floor where that is more, are kept for ever; what calls earned beyond that fades within about ten
/// seconds (it falls to 1/e). So a short interruption is repeated whole, however many calls it hit, and a long one costs the share.
#[derive(Debug)]
pub struct RetryBudget {
    ratio: f64,
    floor_per_s: f64,
    savings: f64,
    balance: Mutex<Balance>,
}

#[derive(Debug)]
struct Balance {
    tokens: f64,
    at: Option<Instant>,
}

impl RetryBudget {
    /// A budget of `ratio` repetitions for each call and `floor_per_s` a second besides, which begins with what ten seconds bring of
    /// the floor. With neither, nothing is ever repeated.
    pub fn new(ratio: f64, floor_per_s: f64) -> RetryBudget {
        let [ratio, floor_per_s] = [ratio, floor_per_s].map(believed);
        let of_the_floor = floor_per_s * MEMORY.as_secs_f64();
        RetryBudget {
            ratio,
            floor_per_s,
            savings: of_the_floor.max(SAVINGS),
            balance: Mutex::new(Balance {
                tokens: of_the_floor,
                at: None,
            }),
        }
    }

    /// A call was made at `now`: its first attempt, not a repetition.
    pub fn deposit(&self, now: Instant) {
        self.at(now).tokens += self.ratio;
    }

    /// Whether there is room for a repetition at `now`; it is taken.
    pub fn withdraw(&self, now: Instant) -> bool {
        let mut balance = self.at(now);
        let has_room = balance.tokens >= 1.0;
        if has_room {
            balance.tokens -= 1.0;
        }
        has_room
    }

    /// The balance at `now`. Who read the clock earlier than somebody before sees that one's time.
    fn at(&self, now: Instant) -> MutexGuard<'_, Balance> {
        // Both numbers are whole after a panic elsewhere.
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let before = balance.at.unwrap_or(now);
        let passed_s = now.saturating_duration_since(before).as_secs_f64();
        balance.at = Some(before.max(now));
        balance.tokens = self.after(passed_s, balance.tokens);
        balance
    }

    /// What becomes of `tokens` in that time.
    fn after(&self, passed_s: f64, tokens: f64) -> f64 {
        let beyond = tokens - self.savings;
        match beyond > 0.0 {
            true => self.savings + beyond * (-passed_s / MEMORY.as_secs_f64()).exp(),
            false => (tokens + passed_s * self.floor_per_s).min(self.savings),
        }
    }
}

/// A number from zero to the greatest; what is none counts as zero.
fn believed(number: f64) -> f64 {
    match number.is_nan() {
        true => 0.0,
        false => number.clamp(0.0, MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(budget: &RetryBudget, now: Instant) -> u32 {
        let mut count = 0;
        while count < 10_000 && budget.withdraw(now) {
            count += 1;
        }
        count
    }

    /// Scenario: an outage in which each of 1000 calls would like to be repeated. Guarantees: a fifth of them is, and what the budget began
    /// with.
    #[test]
    fn an_outage_costs_a_share() {
        let (budget, now) = (RetryBudget::new(0.2, 1.0), Instant::now());
        let repeated = (0..1000)
            .filter(|_| {
                budget.deposit(now);
                budget.withdraw(now)
            })
            .count();
        assert!((200..=210).contains(&repeated), "{repeated}");
    }

    /// Scenario: no calls for a long time. Guarantees: seconds bring the floor, and no more than ten of them are saved.
    #[test]
    fn seconds_bring_the_floor() {
        let (budget, now) = (RetryBudget::new(0.2, 2.0), Instant::now());
        assert_eq!(spent(&budget, now), 20);
        assert_eq!(spent(&budget, now + Duration::from_secs(3)), 6);
        assert_eq!(spent(&budget, now + Duration::from_secs(3600)), 20);
    }

    /// Scenario: a thousand calls that succeed, then all that are under way fail; once at once, once after some time. Guarantees: what the calls
    /// earned is there at once, fades, and of what is left a little stays for ever.
    #[test]
    fn what_was_earned_fades() {
        let left = |wait_s: u64| {
            let (budget, now) = (RetryBudget::new(0.25, 0.0), Instant::now());
            (0..1000).for_each(|_| budget.deposit(now));
            spent(&budget, now + Duration::from_secs(wait_s))
        };
        let after = [0, 10, 20, 600].map(left);
        assert_eq!(after, [250, 10 + 88, 10 + 32, 10]);
    }

    /// Scenario: numbers that are none, or have no end. Guarantees: no panic, and a budget that ends.
    #[test]
    fn every_number_makes_a_budget() {
        let now = Instant::now();
        for (ratio, floor) in [(f64::NAN, f64::NAN), (-1.0, -1.0)] {
            let budget = RetryBudget::new(ratio, floor);
            budget.deposit(now);
            assert!(!budget.withdraw(now + MEMORY));
        }
        let endless = RetryBudget::new(f64::INFINITY, f64::INFINITY);
        (0..3).for_each(|_| endless.deposit(now + MEMORY));
        let balance = endless.at(now + 2 * MEMORY).tokens;
        assert!(balance.is_finite() && balance >= 1e7, "{balance}");
    }

    /// Scenario: neither ratio nor floor, and a clock that a caller read earlier. Guarantees: nothing is ever repeated, and time does not run
    /// backwards.
    #[test]
    fn nothing_comes_of_nothing() {
        let (budget, now) = (RetryBudget::new(0.0, 0.0), Instant::now());
        budget.deposit(now);
        assert!(!budget.withdraw(now + MEMORY));
        let floor = RetryBudget::new(0.0, 1.0);
        let later = now + MEMORY;
        assert_eq!(spent(&floor, later), 10);
        assert!(!floor.withdraw(now));
        assert!(!floor.withdraw(later));
    }
}
