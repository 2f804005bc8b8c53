//! When the next run is due.

use std::time::Duration;

use tokio::time::Instant;

use super::rig::spec;
use crate::probe::schedule::Schedule;

const SECOND: Duration = Duration::from_secs(1);

/// Scenario: the first runs of a probe that runs every 30 s, at both ends of chance. Guarantees: the first comes within
/// a second, the second within `every`, and later ones vary downwards by the jitter and no more.
#[test]
fn intervals_vary_downwards() {
    let spec = spec("a");
    let start = Instant::now();
    for (random, first, second, third) in [(0.0, 0.0, 30.0, 30.0), (1.0, 1.0, 15.0, 27.0)] {
        let mut schedule = Schedule::new(&spec, 0.1, start, random);
        let begun = schedule.due();
        assert_eq!(begun - start, Duration::from_secs_f64(first));
        schedule.ran(begun, false, random);
        let again = schedule.due();
        assert_eq!(again - begun, Duration::from_secs_f64(second));
        schedule.ran(again, false, random);
        assert_eq!(schedule.due() - again, Duration::from_secs_f64(third));
    }
}

/// Scenario: a run takes a part of the interval, another takes longer than it. Guarantees: the first does not move the
/// schedule, the second is followed at once, and what was missed is not made up for.
#[test]
fn long_runs_do_not_move_the_schedule() {
    let spec = spec("a");
    let start = Instant::now();
    let mut schedule = Schedule::new(&spec, 0.0, start, 0.0);
    schedule.ran(start + SECOND * 20, false, 0.0);
    assert_eq!(schedule.due(), start + SECOND * 30);
    schedule.ran(start + SECOND * 200, false, 0.0);
    assert_eq!(schedule.due(), start + SECOND * 200);
    schedule.ran(start + SECOND * 201, false, 0.0);
    assert_eq!(schedule.due(), start + SECOND * 230);
}

/// Scenario: a run fails and the state is not decided. Guarantees: the next run comes after `confirm_every`, and not later
/// than it would have come anyway.
#[test]
fn what_is_undecided_is_looked_at_soon() {
    let spec = spec("a");
    let start = Instant::now();
    let mut schedule = Schedule::new(&spec, 0.0, start, 0.0);
    schedule.ran(start + SECOND * 5, true, 0.0);
    assert_eq!(schedule.due(), start + SECOND * 8);
    schedule.ran(start + SECOND * 37, true, 0.0);
    assert_eq!(schedule.due(), start + SECOND * 38);
}
