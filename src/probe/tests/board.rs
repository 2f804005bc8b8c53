//! How a probe looks from outside.

use std::time::{Duration, SystemTime};

use super::rig::spec;
use crate::probe::board::Board;
use crate::probe::{Failure, Found, Look, Reason, Report, Spec, Status, Windows};

const DB: usize = 0;

fn board(spec: Spec) -> Board {
    Board::new(vec![spec], Windows::default(), SystemTime::now()).0
}

fn record(board: &Board, took: Duration, failure: Option<Failure>, warnings: &[&str]) -> Status {
    let now = SystemTime::now();
    let found = Found {
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        ..Found::default()
    };
    let report = Report {
        at: now,
        took,
        failure,
        found,
    };
    board.record(DB, report, now);
    board.at(DB, now)
}

/// Scenario: a probe's life: a fast answer, a slow one, one with a warning, failures, and back. Guarantees: each look and
/// sentence is what a person needs then.
#[test]
fn looks_and_sentences() {
    let board = board(Spec {
        slow_after: Some(Duration::from_millis(500)),
        ..spec("db")
    });
    let (fast, slow) = (Duration::from_millis(2), Duration::from_millis(750));
    let refused = || Some(Failure::new(Reason::Refused, "connection refused"));
    let first = board.at(DB, SystemTime::now());
    assert_eq!(
        (first.look, first.message.as_str()),
        (Look::Starting, "not looked at yet")
    );
    let steps = [
        (fast, None, &[][..], Look::Good, "answered in 2.0 ms"),
        (
            slow,
            None,
            &[],
            Look::Doubtful,
            "took 750.0 ms, more than 500ms",
        ),
        (
            fast,
            None,
            &["9 of 10 used"],
            Look::Doubtful,
            "9 of 10 used",
        ),
        (
            fast,
            refused(),
            &[],
            Look::Doubtful,
            "connection refused [refused]; counts as down after 2 more",
        ),
        (
            fast,
            refused(),
            &[],
            Look::Doubtful,
            "connection refused [refused]; counts as down after 1 more",
        ),
        (
            fast,
            refused(),
            &[],
            Look::Bad,
            "connection refused [refused]",
        ),
        (
            fast,
            None,
            &[],
            Look::Bad,
            "answers again after 2.0 ms; counts as up after 1 more",
        ),
        (fast, None, &[], Look::Good, "answered in 2.0 ms"),
    ];
    for (took, failure, warnings, look, message) in steps {
        let failed = failure.is_some();
        let status = record(&board, took, failure, warnings);
        assert_eq!((status.look, status.message.as_str()), (look, message));
        assert_eq!(status.advice.is_some(), failed);
    }
}
