//! All that happened, in a list, and what follows from it by the words of the policy.

use std::time::Duration;

use super::super::*;
use BreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

/// Something that happened, to a call or to the breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    Asked,
    Answered,
    Ended(CallResult),
    GivenUp,
    Set(BreakerState),
    Reset,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: Duration,
    call: usize,
    what: What,
}

#[derive(Debug)]
pub(super) struct List {
    policy: BreakerPolicy,
    chance: f64,
    pub(super) now: Duration,
    events: Vec<Event>,
}

/// A time in one state.
#[derive(Clone, Copy, Debug)]
struct Era {
    state: BreakerState,
    since: Duration,
    is_reset: bool,
    /// How often it opened in a row, and for how long; of open ones.
    openings: u32,
    open_for: Duration,
    /// Failures in a row when it began.
    run: usize,
}

/// What the first events of the list came to.
#[derive(Debug)]
struct Story<'a> {
    list: &'a List,
    eras: Vec<Era>,
    /// For each event that asked for a call: in which era it was let through, or what it was told.
    homes: Vec<Option<Result<usize, (BreakerState, Duration)>>>,
}

impl List {
    pub(super) fn new(policy: BreakerPolicy, chance: f64) -> List {
        List {
            policy,
            chance,
            now: Duration::ZERO,
            events: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, what: What) {
        self.add_of(usize::MAX, what);
    }

    pub(super) fn add_of(&mut self, call: usize, what: What) {
        let at = self.now;
        self.events.push(Event { at, call, what });
    }

    /// Asks for a call, whose number it returns.
    pub(super) fn ask(&mut self) -> usize {
        let call = self.events.len();
        self.add_of(call, What::Asked);
        call
    }

    pub(super) fn state(&self) -> BreakerState {
        self.story().era().state
    }

    /// Why the last event was held back, if it was.
    pub(super) fn held(&self) -> Option<(BreakerState, Duration)> {
        let last = self.story().homes.last().copied()??;
        last.err()
    }

    pub(super) fn open_left(&self) -> Option<Duration> {
        let era = self.story().era();
        let until = era.since + era.open_for;
        (era.state == Open).then(|| until.saturating_sub(self.now))
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        let story = self.story();
        let run = match story.era().state {
            Closed | MetricsOnly => story.trailing_failures(self.events.len()),
            _ => story.era().run,
        };
        run as u32
    }

    /// Successes, failures and calls held back since the last reset.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let story = self.story();
        let resets = |event: &Event| event.what == What::Reset;
        let first = self.events.iter().rposition(resets).unwrap_or(0);
        let ended: Vec<bool> = (first..self.events.len())
            .filter(|event| story.state_of_home(*event) != Some(Disabled))
            .filter_map(|event| self.failed(event))
            .collect();
        let failures = ended.iter().filter(|failed| **failed).count() as u64;
        let held = story.homes[first..]
            .iter()
            .flatten()
            .filter(|home| home.is_err());
        (ended.len() as u64 - failures, failures, held.count() as u64)
    }

    /// The states that were told of.
    pub(super) fn told(&self) -> Vec<BreakerState> {
        let eras = self.story().eras;
        let changes = eras
            .windows(2)
            .filter(|pair| pair[0].state != pair[1].state);
        changes.map(|pair| pair[1].state).collect()
    }

    fn story(&self) -> Story<'_> {
        let mut story = Story {
            list: self,
            eras: vec![Era::new(mode_state(self.policy.mode), Duration::ZERO)],
            homes: Vec::new(),
        };
        for event in 0..self.events.len() {
            story.homes.push(None);
            story.follow(event);
        }
        story
    }

    /// When the answer of an event's call began to come, if it did before the event.
    fn answered_before(&self, event: usize) -> Option<Duration> {
        let call = self.events[event].call;
        let answers = |one: &&Event| one.call == call && one.what == What::Answered;
        let answered = self.events[..event].iter().find(answers);
        answered.map(|answer| answer.at)
    }

    /// Whether a call that ended with an event failed; `None` where the event says nothing of it.
    fn failed(&self, event: usize) -> Option<bool> {
        match self.events[event].what {
            What::Ended(CallResult::Success) => Some(false),
            What::Ended(CallResult::Failure) => Some(true),
            What::Ended(CallResult::Ignored) | What::GivenUp => {
                self.answered_before(event).map(|_| false)
            }
            _ => None,
        }
    }

    /// As of when the end of a call counts. Nobody says when one was given up.
    fn counts_at(&self, event: usize) -> Duration {
        let is_given_up = self.events[event].what == What::GivenUp;
        let answered = self.answered_before(event).filter(|_| is_given_up);
        answered.unwrap_or(self.events[event].at)
    }

    /// Whether the call of an event took too long.
    fn slow(&self, event: usize) -> bool {
        let Event { at, call, .. } = self.events[event];
        let until = self.answered_before(event).unwrap_or(at);
        until - self.events[call].at > self.policy.slow_after
    }
}

impl Era {
    fn new(state: BreakerState, since: Duration) -> Era {
        Era {
            state,
            since,
            is_reset: false,
            openings: 0,
            open_for: Duration::ZERO,
            run: 0,
        }
    }
}

impl Story<'_> {
    fn era(&self) -> Era {
        self.eras[self.eras.len() - 1]
    }

    fn state_of_home(&self, event: usize) -> Option<BreakerState> {
        let call = self.list.events[event].call;
        let home = (*self.homes.get(call)?)?.ok()?;
        Some(self.eras[home].state)
    }

    /// Whether an event is of a call that was let through in the last era.
    fn is_at_home(&self, event: usize) -> bool {
        let home = self.homes.get(self.list.events[event].call);
        home == Some(&Some(Ok(self.eras.len() - 1)))
    }

    fn follow(&mut self, event: usize) {
        let Event { at, what, .. } = self.list.events[event];
        match what {
            What::Asked => self.homes[event] = Some(self.asked(event)),
            What::Set(state) if state == self.era().state => {}
            What::Set(state) => self.eras.push(Era::new(state, at)),
            What::Reset => self.eras.push(Era {
                is_reset: true,
                ..Era::new(mode_state(self.list.policy.mode), at)
            }),
            _ if !self.is_at_home(event) => {}
            _ if self.era().state == HalfOpen => self.trial_goes_on(event),
            _ => self.call_ended(event),
        }
    }

    fn asked(&mut self, event: usize) -> Result<usize, (BreakerState, Duration)> {
        let (era, at) = (self.era(), self.list.events[event].at);
        let policy = &self.list.policy;
        let until = era.since + era.open_for;
        match era.state {
            Open if at < until => return Err((Open, until - at)),
            ForcedOpen => return Err((ForcedOpen, policy.open_for)),
            HalfOpen if self.trials_under_way(event) >= policy.trials as usize => {
                return Err((HalfOpen, policy.open_for.min(Duration::from_secs(1))));
            }
            Open => self.eras.push(Era {
                run: era.run,
                ..Era::new(HalfOpen, at)
            }),
            _ => {}
        }
        Ok(self.eras.len() - 1)
    }

    fn trials_under_way(&self, event: usize) -> usize {
        let ours = (0..event).filter(|one| self.is_at_home(*one));
        let (asked, others): (Vec<usize>, Vec<usize>) =
            ours.partition(|one| self.list.events[*one].what == What::Asked);
        let over = |call: &usize| {
            let of_it = |one: &usize| self.list.events[*one].call == *call;
            others.iter().any(of_it)
        };
        asked.iter().filter(|call| !over(call)).count()
    }

    fn trial_goes_on(&mut self, event: usize) {
        let list = self.list;
        let Event { at, what, call } = list.events[event];
        let answers = what == What::Answered && list.answered_before(event).is_none();
        let good = match list.failed(event) {
            Some(failed) => !failed,
            None if answers => true,
            None => return,
        };
        let slow = list.slow(event) && list.policy.slow_rate.is_some();
        if !good || slow {
            let run = self.era().run + 1;
            return self.open(at, run);
        }
        let succeeded = |one: &usize| {
            let ends = list.failed(*one) == Some(false) || list.events[*one].what == What::Answered;
            self.is_at_home(*one) && ends && list.answered_before(*one).is_none()
        };
        let successes = (0..=event).filter(succeeded).count();
        if successes >= list.policy.successes as usize && succeeded(&event) {
            self.eras.push(Era::new(Closed, at));
            if answers {
                self.homes[call] = Some(Ok(self.eras.len() - 1));
            }
        }
    }

    fn call_ended(&mut self, event: usize) {
        let list = self.list;
        let is_given_up = list.events[event].what == What::GivenUp;
        if list.failed(event).is_none() || is_given_up || self.era().state != Closed {
            return;
        }
        let at = list.events[event].at;
        let run = self.trailing_failures(event + 1);
        if run >= list.policy.failures as usize || self.rates_are_reached(event) {
            self.open(at, run);
        }
    }

    /// The events up to `end` by which calls of the last era ended, and whether they failed.
    fn judged(&self, end: usize) -> Vec<(usize, bool)> {
        (0..end)
            .filter(|event| self.is_at_home(*event))
            .filter_map(|event| Some((event, self.list.failed(event)?)))
            .collect()
    }

    fn trailing_failures(&self, end: usize) -> usize {
        let judged = self.judged(end);
        judged
            .iter()
            .rev()
            .take_while(|(_, failed)| *failed)
            .count()
    }

    fn rates_are_reached(&self, event: usize) -> bool {
        let (list, policy) = (self.list, &self.list.policy);
        let mut judged = self.judged(event + 1);
        let mut least = policy.minimum_calls as usize;
        match policy.window {
            Window::Calls(calls) => {
                let calls = calls as usize;
                judged.drain(..judged.len().saturating_sub(calls));
                least = least.min(calls);
            }
            Window::Time(time) => {
                let tenth_of = |one: usize| list.counts_at(one).as_nanos() / (time / 10).as_nanos();
                judged.retain(|(one, _)| tenth_of(*one) + 10 > tenth_of(event));
            }
        }
        let share = |count: usize| count as f64 / judged.len() as f64;
        let failing = share(judged.iter().filter(|(_, failed)| *failed).count());
        let slow = share(judged.iter().filter(|(one, _)| list.slow(*one)).count());
        let reached = |rate: Option<f64>, share: f64| rate.is_some_and(|rate| share >= rate);
        judged.len() >= least
            && (reached(policy.failure_rate, failing) || reached(policy.slow_rate, slow))
    }

    fn open(&mut self, at: Duration, run: usize) {
        let openings = self.openings(at);
        let policy = &self.list.policy;
        let longest = policy.max_open_for.max(policy.open_for);
        let doubled = (1..openings).fold(policy.open_for, |time, _| (time * 2).min(longest));
        let more = (doubled / 10).mul_f64(self.list.chance);
        self.eras.push(Era {
            openings,
            open_for: (doubled + more).min(longest),
            run,
            ..Era::new(Open, at)
        });
    }

    /// How often it opens in a row when it does at `at`.
    fn openings(&self, at: Duration) -> u32 {
        let before = self.eras.iter().rev().take_while(|era| !era.is_reset);
        let Some(opened) = before.clone().find(|era| era.state == Open) else {
            return 1;
        };
        let is_well = self.era().state == Closed && at - self.era().since >= opened.open_for;
        if is_well { 1 } else { opened.openings + 1 }
    }
}

fn mode_state(mode: Mode) -> BreakerState {
    match mode {
        Mode::Auto => Closed,
        Mode::MetricsOnly => MetricsOnly,
        Mode::Disabled => Disabled,
    }
}
