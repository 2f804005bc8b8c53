//! States.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::probe::{Change, Failure, Found, Reason, Report, Standing, State, Thresholds};

const THREE_TWO: Thresholds = Thresholds {
    failures: 3,
    recoveries: 2,
};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn report(failed: bool) -> Report {
    Report {
        at: at(0),
        took: Duration::from_millis(5),
        failure: failed.then(|| Failure::new(Reason::Refused, "connection refused")),
        found: Found::default(),
    }
}

/// One state for each run: `.` succeeds, `x` fails.
fn states(runs: &str, thresholds: Thresholds) -> String {
    let mut standing = Standing::new(at(0));
    let letter = |state| match state {
        State::Starting => 's',
        State::Up => 'u',
        State::Down => 'd',
    };
    let record = |(second, run): (usize, char)| {
        standing.record(report(run == 'x'), thresholds, at(second as u64));
        letter(standing.state())
    };
    runs.chars().enumerate().map(record).collect()
}

/// Scenario: rows of successes and failures. Guarantees: the first success is enough to be up, three failures in a row
/// are down from the start as well as later, two successes in a row are up again, and anything between starts anew.
#[test]
fn runs_in_a_row_make_a_state() {
    let cases = [
        (".", "u"),
        ("x", "s"),
        ("xx.", "ssu"),
        ("xxx", "ssd"),
        (".xx.xx.", "uuuuuuu"),
        (".xxx", "uuud"),
        (".xxxxx", "uuuddd"),
        ("xxx.x.x..", "ssdddddd" /* 8 */),
        ("xxx..", "ssddu"),
    ];
    for (runs, expected) in cases {
        let seen = states(runs, THREE_TWO);
        assert!(
            seen.starts_with(expected),
            "{runs}: {seen} is not {expected}"
        );
    }
    assert_eq!(states("xxx.x.x..", THREE_TWO), "ssddddddu");
    let at_once = Thresholds {
        failures: 1,
        recoveries: 1,
    };
    assert_eq!(states("x.x.", at_once), "dudu");
}

/// Scenario: a probe fails, goes down and comes back. Guarantees: each change is told once, with the time that the last
/// state lasted; the first failure is told as such.
#[test]
fn changes_are_told_once() {
    let mut standing = Standing::new(at(0));
    let runs = [".", "x", "x", "x", "x", ".", ".", "."];
    let changes: Vec<_> = runs
        .iter()
        .enumerate()
        .map(|(second, run)| {
            standing.record(report(*run == "x"), THREE_TWO, at(second as u64 * 10))
        })
        .collect();
    let into = |state, after| Some(Change::Into(state, Duration::from_secs(after)));
    assert_eq!(
        changes,
        [
            into(State::Up, 0),
            Some(Change::BeginsToFail),
            None,
            into(State::Down, 30),
            None,
            None,
            into(State::Up, 30),
            None
        ]
    );
    assert_eq!(standing.since(), at(60));
}

/// Scenario: a probe that works, warns twice, works, and warns after a failure. Guarantees: each beginning and end of
/// warnings is told once.
#[test]
fn warnings_are_told_once() {
    let mut standing = Standing::new(at(0));
    let told = ["", "w", "w", "", "x", "w"].map(|run| {
        let mut report = report(run == "x");
        report
            .found
            .warnings
            .extend((run == "w").then(|| "9 of 10 used".to_owned()));
        standing.record(report, THREE_TWO, at(0))
    });
    let up = Some(Change::Into(State::Up, Duration::ZERO));
    let (begins, ends) = (Some(Change::BeginsToWarn), Some(Change::WarnsNoMore));
    assert_eq!(
        told,
        [up, begins, None, ends, Some(Change::BeginsToFail), begins]
    );
}

/// Scenario: a clock that is set back between two runs. Guarantees: nothing panics, and the state lasted no time.
#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut standing = Standing::new(at(100));
    let change = standing.record(report(false), THREE_TWO, at(50));
    assert_eq!(change, Some(Change::Into(State::Up, Duration::ZERO)));
}

/// Scenario: runs that do not make a state yet. Guarantees: it is known how many more would, and that a settled state
/// needs none.
#[test]
fn how_many_more_runs_decide_is_known() {
    let undecided = |runs: &str| {
        let mut standing = Standing::new(at(0));
        for run in runs.chars() {
            standing.record(report(run == 'x'), THREE_TWO, at(1));
        }
        standing.undecided(THREE_TWO)
    };
    let cases = [
        ("", 0),
        (".", 0),
        ("x", 2),
        ("xx", 1),
        ("xxx", 0),
        (".x", 2),
        ("xxx.", 1),
    ];
    for (runs, expected) in cases {
        assert_eq!(undecided(runs), expected, "{runs}");
    }
}
