//! The breaker as its users see it.

mod guarded;
mod model;
mod permits;
mod status;
mod table;
mod threads;
mod times;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(5);

/// Opens after three failures for five seconds, then for ten, at most for thirty.
const POLICY: BreakerPolicy = BreakerPolicy {
    max_open_for: Duration::from_secs(30),
    ..BreakerPolicy::consecutive(3, OPEN_FOR)
};

/// A breaker, what it told, and the time that the test makes pass.
struct Rig {
    breaker: Breaker,
    now: Instant,
    told: Arc<Mutex<Vec<Transition>>>,
}

fn rig(policy: BreakerPolicy) -> Rig {
    rig_with(policy, || 0.0)
}

fn rig_with(policy: BreakerPolicy, chance: fn() -> f64) -> Rig {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let listener = Arc::new(move |one: &Transition| heard.lock().unwrap().push(one.clone()));
    let breaker = Breaker::with_chance("stripe", policy, chance).with_listener(listener);
    Rig {
        now: breaker.0.born,
        breaker,
        told,
    }
}

impl Rig {
    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn admit(&self) -> Permit {
        self.breaker.admit_owned(self.now).expect("let through")
    }

    fn held(&self) -> Held {
        self.breaker.admit(self.now).expect_err("held back")
    }

    fn succeed(&self) -> BreakerState {
        let permit = self.breaker.admit(self.now).expect("let through");
        permit.success(self.now)
    }

    fn fail(&self) -> BreakerState {
        let permit = self.breaker.admit(self.now).expect("let through");
        permit.failure(self.now)
    }

    /// A call that takes so long and ends well.
    fn slow(&mut self, took: Duration) -> BreakerState {
        let permit = self.admit();
        self.pass(took);
        permit.success(self.now)
    }

    fn fail_times(&self, times: u32) {
        for _ in 0..times {
            self.fail();
        }
    }

    /// Opens it, and lets the time pass until calls are tried.
    fn trip(&mut self) {
        self.fail_times(3);
        assert_eq!(self.breaker.state(), BreakerState::Open);
        let left = self.held().retry_after;
        self.pass(left);
    }

    fn status(&self) -> BreakerStatus {
        self.breaker.status(self.now)
    }

    /// What was told since the last time.
    fn told(&self) -> Vec<Transition> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    /// The last change, as from, to and why.
    fn last_change(&self) -> (BreakerState, BreakerState, Reason) {
        let told = self.told();
        let last = told.last().expect("a change");
        (last.from, last.to, last.reason)
    }
}
