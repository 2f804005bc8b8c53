//! The breaker against a list of all that happened, from which its state is judged from scratch each time.

mod list;

use proptest::prelude::*;

use super::*;
use list::{List, What};

const MS: Duration = Duration::from_millis(1);

/// What happens. Calls are named by their place among those under way, counted modulo.
#[derive(Clone, Debug)]
enum Step {
    Pass { ms: u64 },
    Ask,
    End { call: usize, result: CallResult },
    Answer { call: usize },
    GiveUp { call: usize },
    Set(BreakerState),
    Reset,
}

fn policies() -> impl Strategy<Value = BreakerPolicy> {
    let rate = || prop::option::of(prop::sample::select(vec![0.25, 0.5, 1.0]));
    let window = prop_oneof![
        (1u32..8).prop_map(Window::Calls),
        (1u64..40).prop_map(|tenths| Window::Time(MS * 1000 * tenths as u32)),
    ];
    let modes = vec![
        Mode::Auto,
        Mode::Auto,
        Mode::Auto,
        Mode::MetricsOnly,
        Mode::Disabled,
    ];
    let least = (1u32..6, 1u32..6, 1u32..4, 1u32..4);
    let times = (1u64..20, 0u64..100, 0u64..4);
    (
        least,
        times,
        rate(),
        rate(),
        window,
        prop::sample::select(modes),
    )
        .prop_map(
            |(least, times, failure_rate, slow_rate, window, mode)| BreakerPolicy {
                failures: least.0,
                minimum_calls: least.1,
                trials: least.2,
                successes: least.3,
                open_for: MS * 1000 * times.0 as u32,
                max_open_for: MS * 1000 * times.1 as u32,
                slow_after: MS * 1000 * times.2 as u32,
                failure_rate,
                slow_rate,
                window,
                mode,
            },
        )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = 0usize..8;
    let result = prop::sample::select(vec![
        CallResult::Success,
        CallResult::Success,
        CallResult::Failure,
        CallResult::Failure,
        CallResult::Failure,
        CallResult::Ignored,
    ]);
    let set = vec![
        BreakerState::ForcedOpen,
        BreakerState::Disabled,
        BreakerState::MetricsOnly,
    ];
    let step = prop_oneof![
        6 => prop_oneof![0u64..5000, 0u64..60_000].prop_map(|ms| Step::Pass { ms }),
        16 => Just(Step::Ask),
        16 => (call.clone(), result).prop_map(|(call, result)| Step::End { call, result }),
        3 => call.clone().prop_map(|call| Step::Answer { call }),
        2 => call.prop_map(|call| Step::GiveUp { call }),
        1 => prop::sample::select(set).prop_map(Step::Set),
        1 => Just(Step::Reset),
    ];
    prop::collection::vec(step, 1..120)
}

/// The breaker and the list, side by side.
struct Pair {
    rig: Rig,
    list: List,
    /// Calls under way, by their number in the list.
    calls: Vec<(usize, Permit)>,
}

impl Pair {
    fn step(&mut self, step: Step) {
        match step {
            Step::Pass { ms } => {
                self.rig.pass(MS * ms as u32);
                self.list.now += MS * ms as u32;
            }
            Step::Ask => self.ask(),
            Step::End { call, result } => self.end(call, result),
            Step::Answer { call } => self.answer(call),
            Step::GiveUp { call } => drop(self.take(call, What::GivenUp)),
            Step::Set(state) => self.set(state),
            Step::Reset => {
                self.list.add(What::Reset);
                self.rig.breaker.reset(self.rig.now);
            }
        }
    }

    fn ask(&mut self) {
        let number = self.list.ask();
        let expected = self.list.held();
        match self.rig.breaker.admit_owned(self.rig.now) {
            Ok(permit) => {
                assert_eq!(expected, None);
                self.calls.push((number, permit));
            }
            Err(held) => assert_eq!(expected, Some((held.state, held.retry_after))),
        }
    }

    fn end(&mut self, call: usize, result: CallResult) {
        if let Some(permit) = self.take(call, What::Ended(result)) {
            let state = permit.end(self.rig.now, result);
            assert_eq!(state, self.list.state());
        }
    }

    fn answer(&mut self, call: usize) {
        let len = self.calls.len().max(1);
        if let Some((number, permit)) = self.calls.get_mut(call % len) {
            self.list.add_of(*number, What::Answered);
            let state = permit.answered(self.rig.now);
            assert_eq!(state, self.list.state());
        }
    }

    fn take(&mut self, call: usize, what: What) -> Option<Permit> {
        let place = call.checked_rem(self.calls.len())?;
        let (number, permit) = self.calls.swap_remove(place);
        self.list.add_of(number, what);
        Some(permit)
    }

    fn set(&mut self, state: BreakerState) {
        self.list.add(What::Set(state));
        let (breaker, now) = (&self.rig.breaker, self.rig.now);
        match state {
            BreakerState::ForcedOpen => breaker.force_open(now),
            BreakerState::Disabled => breaker.disable(now),
            _ => breaker.metrics_only(now),
        }
    }

    fn check(&self) {
        let status = self.rig.status();
        assert_eq!(status.state, self.list.state());
        assert_eq!(status.open_for, self.list.open_left());
        assert_eq!(status.consecutive_failures, self.list.failures_in_a_row());
        let counted = (status.successes, status.failures, status.held_back);
        assert_eq!(counted, self.list.counts());
        let told: Vec<_> = self
            .rig
            .told
            .lock()
            .unwrap()
            .iter()
            .map(|one| one.to)
            .collect();
        assert_eq!(told, self.list.told());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any policy; calls asked for, ended in any order and late, answered, given up, held back, with time passing and
    /// states set by hand between. Guarantees: after each step the breaker is in the state that all that happened says, lets
    /// through and holds back the same calls for the same time, counts the same and told of the same changes.
    #[test]
    fn the_breaker_does_what_the_list_says(
        policy in policies(),
        steps in steps(),
        lucky in any::<bool>(),
    ) {
        let rig = rig_with(policy, if lucky { || 0.0 } else { || 0.5 });
        let chance = if lucky { 0.0 } else { 0.5 };
        let mut pair = Pair { rig, list: List::new(policy, chance), calls: Vec::new() };
        for step in steps {
            pair.step(step);
            pair.check();
        }
    }
}
