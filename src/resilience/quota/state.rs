//! What is known of an upstream's limits, and which turns were given.

use std::time::{Duration, Instant};

use super::told::{LONGEST_RESET, MAX_LIMITS, Told};
use super::window::Window;

/// Who waited for the end of a window or a pause comes so long after the one before: what there is then, the first answer tells.
const STEP: Duration = Duration::from_millis(20);

/// What is known of an upstream's limits, and when the last call has its turn.
#[derive(Debug, Default)]
pub(super) struct State {
    windows: Vec<Window>,
    paused_until: Option<Instant>,
    last_turn: Option<Instant>,
}

impl State {
    /// Forgets what has ended.
    pub(super) fn forget(&mut self, now: Instant) {
        self.windows.retain(|window| window.ends > now);
        self.paused_until = self.paused_until.filter(|until| *until > now);
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.paused_until.is_none()
    }

    /// How long the next call waits. Its turn is given to it only where that is no longer than `patience`.
    pub(super) fn turn(&mut self, now: Instant, patience: Duration) -> Duration {
        let turn = self.next_turn(now);
        let wait = turn.saturating_duration_since(now);
        if wait <= patience {
            self.last_turn = Some(turn);
            self.windows.iter_mut().for_each(Window::take);
        }
        wait
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let tight = self.windows.iter().filter(|window| window.is_tight());
        let spread = tight.map(|window| self.spread(now, window.calls_left(), window.ends));
        let pause = self.paused_until.map(|until| self.spread(now, 0, until));
        spread.chain(pause).max().map_or(now, |turn| turn.max(now))
    }

    /// The next turn, where so many calls are left until `ends`: as long after the last turn as if all of them came evenly from there on, with the same
    /// time between the last of them and the end. Nobody comes before the end where none is left.
    fn spread(&self, now: Instant, calls_left: u64, ends: Instant) -> Instant {
        match self.last_turn {
            None if calls_left == 0 => ends,
            None => now,
            Some(last) if last >= ends => last + STEP,
            Some(last) => {
                let parts = u32::try_from(calls_left.saturating_add(1)).unwrap_or(u32::MAX);
                last + (ends - last) / parts
            }
        }
    }

    /// A limit was told at `now`, while `out` calls were under way.
    pub(super) fn learn(&mut self, told: Told, out: u64, now: Instant) {
        let is_full = self.windows.len() == MAX_LIMITS;
        let known = self
            .windows
            .iter_mut()
            .find(|window| window.name == told.name);
        match known {
            Some(window) => window.learn(told, out, now),
            None if told.reset.is_zero() || is_full => {}
            None => self.windows.push(Window::new(told, now)),
        }
    }

    /// The upstream wants to be left alone for `time` from `now` on.
    pub(super) fn pause(&mut self, time: Duration, now: Instant) {
        let until = now + time.min(LONGEST_RESET);
        self.paused_until = self.paused_until.max(Some(until));
    }
}
