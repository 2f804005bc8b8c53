use super::*;

const SECOND: u64 = 1_000_000_000;
/// Long after the epoch, so that 0 is not among the moments.
const T0: u64 = 1_000_000;

fn seconds(start: u64, end: u64) -> Interval {
    Interval {
        start: (T0 + start) * SECOND,
        end: (T0 + end) * SECOND,
    }
}

/// Plays intervals; answers with what became of each but the first.
fn play(intervals: &[Interval]) -> Vec<Result<(), Fault>> {
    let since = intervals[0].start;
    let mut until = intervals[0].end;
    let mut gaps = Gaps::default();
    let mut results = Vec::new();
    for interval in &intervals[1..] {
        let result = gaps.take(Counted { since, until }, *interval);
        results.push(result.map(|reached| until = reached));
    }
    results
}

/// Scenario: single deltas after what is counted, in every position to it and to a gap.
/// Guarantees: only what lies wholly outside of what is counted counts, and each refusal has its name.
#[test]
fn positions_decide() {
    // Counted: 0–10 and 20–30, then 40–50.
    let before = [seconds(0, 10), seconds(20, 30), seconds(40, 50)];
    let table = [
        ("goes on", seconds(50, 60), Ok(())),
        ("leaves a gap", seconds(55, 60), Ok(())),
        ("fills a gap", seconds(10, 20), Ok(())),
        ("fills the beginning of a gap", seconds(10, 12), Ok(())),
        ("fills the end of a gap", seconds(15, 20), Ok(())),
        ("fills the middle of a gap", seconds(12, 15), Ok(())),
        ("fills the other gap", seconds(30, 40), Ok(())),
        ("was counted", seconds(20, 30), Err(Fault::Duplicate)),
        (
            "lies within what was counted",
            seconds(22, 25),
            Err(Fault::Duplicate),
        ),
        ("was counted last", seconds(40, 50), Err(Fault::Duplicate)),
        ("reaches into a gap", seconds(25, 35), Err(Fault::Overlap)),
        ("reaches out of a gap", seconds(15, 25), Err(Fault::Overlap)),
        ("spans a gap", seconds(5, 25), Err(Fault::Overlap)),
        (
            "spans what was counted",
            seconds(10, 40),
            Err(Fault::Overlap),
        ),
        ("goes on from within", seconds(45, 60), Err(Fault::Overlap)),
        ("spans all", seconds(0, 60), Err(Fault::Overlap)),
    ];
    for (name, interval, expected) in table {
        let mut all = before.to_vec();
        all.push(interval);
        assert_eq!(play(&all).last(), Some(&expected), "{name}");
    }
}

/// Scenario: deltas from before the first, and one that reaches from there into what is counted.
/// Guarantees: they are out of order, and an overlap.
#[test]
fn nothing_counts_before_the_first() {
    let intervals = [seconds(10, 20), seconds(0, 10), seconds(5, 15)];
    assert_eq!(
        play(&intervals),
        [Err(Fault::OutOfOrder), Err(Fault::Overlap)]
    );
}

/// Scenario: a late delta, then the same once more; then the rest of its gap.
/// Guarantees: what is filled is counted from then on.
#[test]
fn a_filled_gap_is_counted() {
    let intervals = [
        seconds(0, 10),
        seconds(40, 50),
        seconds(20, 30),
        seconds(20, 30),
        seconds(10, 20),
        seconds(30, 40),
        seconds(30, 40),
    ];
    let (good, twice) = (Ok(()), Err(Fault::Duplicate));
    assert_eq!(play(&intervals), [good, good, twice, good, good, twice]);
}

/// Scenario: more gaps than are remembered, then deltas for each, the oldest first.
/// Guarantees: the oldest gap was given up, so its delta is out of order; the others count.
#[test]
fn the_oldest_gap_gives_way() {
    let mut intervals: Vec<_> = (0..6).map(|n| seconds(n * 20, n * 20 + 10)).collect();
    intervals.extend((0..5).map(|n| seconds(n * 20 + 10, n * 20 + 20)));
    let results = play(&intervals);
    assert_eq!(
        results[5..],
        [Err(Fault::OutOfOrder), Ok(()), Ok(()), Ok(()), Ok(())]
    );
}

/// Scenario: a gap of ten minutes, and deltas in its first and second half.
/// Guarantees: gaps are remembered for five minutes.
#[test]
fn gaps_end_with_the_window() {
    let intervals = [
        seconds(0, 10),
        seconds(610, 620),
        seconds(10, 100),
        seconds(310, 330),
        seconds(320, 400),
        seconds(320, 400),
    ];
    let expected = [
        Ok(()),
        Err(Fault::OutOfOrder),
        Err(Fault::Overlap),
        Ok(()),
        Err(Fault::Duplicate),
    ];
    assert_eq!(play(&intervals), expected);
}

/// Scenario: deltas without a start, or with a start at or behind their end.
/// Guarantees: they go on from what is counted; at its end they are duplicates, before it out of order.
#[test]
fn without_a_start_a_delta_goes_on() {
    let unknown = |end| Interval {
        start: 0,
        ..seconds(0, end)
    };
    let intervals = [
        seconds(0, 10),
        unknown(20),
        unknown(20),
        unknown(15),
        seconds(30, 25),
    ];
    let expected = [
        Ok(()),
        Err(Fault::Duplicate),
        Err(Fault::OutOfOrder),
        Ok(()),
    ];
    assert_eq!(play(&intervals), expected);
    let good = seconds(20, 30);
    let counted = Counted {
        since: good.start,
        until: good.end,
    };
    assert!(seconds(30, 31).goes_on(counted) && unknown(31).goes_on(counted));
    assert!(!seconds(29, 31).goes_on(counted) && !unknown(30).goes_on(counted));
}

/// Scenario: the extremes of time.
/// Guarantees: nothing overflows.
#[test]
fn extremes_do_not_overflow() {
    let moments = [0, 1, u64::MAX - 1, u64::MAX];
    for since in moments {
        for until in moments {
            for start in moments {
                for end in moments {
                    let mut gaps = Gaps::default();
                    let _ = gaps.take(Counted { since, until }, Interval { start, end });
                    let _ = gaps.take(Counted { since, until: 5 }, Interval { start, end });
                }
            }
        }
    }
}

/// Scenario: deltas of ten seconds, some lost, some sent twice, each late by up to three places.
/// Guarantees: the total is the sum of the distinct ones, each counted once.
#[test]
fn disorder_within_the_window_loses_nothing() {
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut sent: Vec<(u64, u64)> = vec![(0, 0)];
        for number in 1..60 {
            for _ in 0..[1, 1, 1, 1, 2, 3][random.usize(..6)] {
                // By where it arrives.
                sent.push((10 * number + random.u64(..30), number));
            }
        }
        sent.sort_unstable();
        let intervals: Vec<_> = sent
            .iter()
            .map(|(_, n)| seconds(10 * n, 10 * n + 10))
            .collect();
        let results = play(&intervals);
        let counted = 1 + results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(counted, 60, "seed {seed}");
        let refused = results.iter().filter_map(|result| result.err());
        for fault in refused {
            assert_eq!(fault, Fault::Duplicate, "seed {seed}");
        }
    }
}

/// Scenario: intervals with random ends, in random order, against a model that keeps every second that was counted.
/// Guarantees: no second counts twice, whatever comes.
#[test]
fn no_second_counts_twice() {
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut intervals = vec![seconds(100, 110)];
        for _ in 0..40 {
            let start = random.u64(80..400);
            intervals.push(seconds(start, start + random.u64(1..40)));
        }
        let results = play(&intervals);
        let mut counted = vec![false; 500];
        let taken = intervals[1..]
            .iter()
            .zip(results)
            .filter(|(_, result)| result.is_ok());
        for interval in intervals[..1]
            .iter()
            .chain(taken.map(|(interval, _)| interval))
        {
            for second in interval.start / SECOND..interval.end / SECOND {
                let held = &mut counted[(second - T0) as usize];
                assert!(!*held, "seed {seed}: second {second} twice");
                *held = true;
            }
        }
    }
}
