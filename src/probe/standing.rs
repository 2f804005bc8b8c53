//! Where a probe stands: what its runs so far make of it. Takes `now`, keeps no clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::failure::{Failure, Phase};
use super::run::Found;
use super::spec::Thresholds;

/// How one run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Why it failed; `None` when it succeeded.
    pub failure: Option<Failure>,
    /// What it found on its way.
    pub found: Found,
}

impl Report {
    /// How long each phase took, in the order in which they first began. What came more than once is added up.
    pub fn phases(&self) -> Vec<(Phase, Duration)> {
        let mut phases: Vec<(Phase, Duration)> = Vec::new();
        for lap in &self.found.laps {
            let took = lap.ended.unwrap_or(self.took).saturating_sub(lap.began);
            match phases.iter_mut().find(|(phase, _)| *phase == lap.phase) {
                Some((_, sum)) => *sum += took,
                None => phases.push((lap.phase, took)),
            }
        }
        phases
    }
}

/// What the runs so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enough runs yet.
    Starting,
    /// It works.
    Up,
    /// It does not work.
    Down,
}

/// How a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Into this state, after as long in the last one.
    Into(State, Duration),
    /// The state stays, but the last run failed where the one before did not.
    BeginsToFail,
    /// The state stays, but the last run has warnings and the one before it had none.
    BeginsToWarn,
    /// The state stays, and the last run has no warnings any more.
    WarnsNoMore,
}

/// Where a probe stands.
#[derive(Clone, Debug)]
pub struct Standing {
    state: State,
    /// Since when it is in this state.
    since: SystemTime,
    /// Runs in a row that ended as the last one did.
    in_a_row: u32,
    last: Option<Arc<Report>>,
}

impl Standing {
    /// Nothing is known at `now`.
    pub fn new(now: SystemTime) -> Standing {
        Standing {
            state: State::Starting,
            since: now,
            in_a_row: 0,
            last: None,
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it is in this state.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// The last run. It does not change any more, and may have found much: it is shared, not copied.
    pub fn last(&self) -> Option<&Arc<Report>> {
        self.last.as_ref()
    }

    /// Whether the last run failed.
    pub fn is_failing(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.failure.is_some())
    }

    /// How many more runs that end as the last one did would change the state; 0 when none would.
    pub fn undecided(&self, thresholds: Thresholds) -> u32 {
        let needed = match (self.state, self.is_failing()) {
            (State::Starting | State::Up, true) => thresholds.failures,
            (State::Down, false) => thresholds.recoveries,
            (State::Starting | State::Up, false) | (State::Down, true) => 0,
        };
        needed.saturating_sub(self.in_a_row)
    }

    /// Takes in a run that ended at `now`.
    pub fn record(
        &mut self,
        report: Report,
        thresholds: Thresholds,
        now: SystemTime,
    ) -> Option<Change> {
        let failed = report.failure.is_some();
        let as_before = self.last.is_some() && failed == self.is_failing();
        let noted = self.noted(&report, as_before);
        self.in_a_row = match as_before {
            true => self.in_a_row.saturating_add(1),
            false => 1,
        };
        self.last = Some(Arc::new(report));
        let next = self.next(failed, thresholds);
        if next == self.state {
            return noted;
        }
        let stayed = now.duration_since(self.since).unwrap_or_default();
        (self.state, self.since) = (next, now);
        Some(Change::Into(next, stayed))
    }

    /// What is worth telling of `report` where the state stays.
    fn noted(&self, report: &Report, as_before: bool) -> Option<Change> {
        let warns = |report: &Report| !report.found.warnings.is_empty();
        let warned = self.last.as_deref().is_some_and(warns);
        match (report.failure.is_some(), warned, warns(report)) {
            (true, _, _) => (!as_before).then_some(Change::BeginsToFail),
            (false, false, true) => Some(Change::BeginsToWarn),
            (false, true, false) => Some(Change::WarnsNoMore),
            (false, _, _) => None,
        }
    }

    /// The first success after a start is enough: nothing speaks against it.
    fn next(&self, failed: bool, thresholds: Thresholds) -> State {
        match (self.state, failed) {
            (State::Starting | State::Up, true) if self.in_a_row >= thresholds.failures => {
                State::Down
            }
            (State::Starting, false) => State::Up,
            (State::Down, false) if self.in_a_row >= thresholds.recoveries => State::Up,
            (state, _) => state,
        }
    }
}
