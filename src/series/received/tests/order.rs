//! Points that come late, from clocks that are wrong, from restarted senders, or from two at once.

use super::*;

/// One point: (arrival, start, time, value).
type Step = (u64, u64, u64, i64);

/// A name, what is sent, the value then shown, the faults then counted.
type Case = (
    &'static str,
    &'static [Step],
    i64,
    &'static [(&'static str, u64)],
);

fn play(is_counter: bool, steps: &[Step]) -> Bench {
    let mut bench = Bench::new();
    for (arrival, start, time, value) in steps {
        let point = vec![int(*start, *time, *value)];
        let data = if is_counter {
            sum(CUMULATIVE, true, point)
        } else {
            gauge(point)
        };
        bench.send(*arrival, vec![metric("m", data)]);
    }
    bench
}

/// Scenario: sequences of points of a counter: in order, late, repeated, after a restart, from two senders, after a clock
/// was set back.
/// Guarantees: the value shown and the faults counted are those that the rules in `time.rs` give.
#[test]
fn cumulative_points_follow_the_rules() {
    let table: [Case; 11] = [
        ("in order", &[(10, 1, 10, 5), (20, 1, 20, 7)], 7, &[]),
        ("repeated", &[(10, 1, 10, 5), (11, 1, 10, 5)], 5, &[]),
        (
            "late",
            &[(20, 1, 20, 7), (21, 1, 10, 5)],
            7,
            &[("out_of_order", 1)],
        ),
        ("restart", &[(10, 1, 10, 5), (20, 15, 20, 2)], 2, &[]),
        (
            "two senders",
            &[
                (10, 1, 10, 5),
                (11, 5, 11, 100),
                (20, 1, 20, 6),
                (21, 5, 21, 101),
            ],
            101,
            &[("sender_conflict", 1)],
        ),
        (
            "the other sender may come again",
            &[(10, 5, 10, 100), (309, 1, 309, 6)],
            100,
            &[("sender_conflict", 1)],
        ),
        (
            "the other sender is gone",
            &[(10, 5, 10, 100), (310, 1, 310, 6)],
            6,
            &[],
        ),
        (
            "set back, at once",
            &[(100, 1, 100, 5), (101, 1, 50, 6)],
            5,
            &[("out_of_order", 1)],
        ),
        (
            "set back, after a while",
            &[(100, 1, 100, 5), (160, 1, 50, 6)],
            6,
            &[],
        ),
        (
            "set back and restarted",
            &[(100, 90, 100, 5), (160, 40, 50, 1)],
            1,
            &[],
        ),
        (
            "start after the end",
            &[(10, 1, 10, 5), (20, 25, 20, 6)],
            6,
            &[],
        ),
    ];
    for (name, steps, value, faults) in table {
        let bench = play(true, steps);
        assert_eq!(
            bench.shown(),
            [format!(r#"m_total{{job="shop",instance=""}} {value}"#)],
            "{name}"
        );
        assert_eq!(bench.faults(), faults, "{name}");
    }
}

/// Scenario: a gauge whose start moves backward, and one that comes late.
/// Guarantees: a gauge has no start that could conflict; late points are not taken.
#[test]
fn gauges_have_no_start() {
    let bench = play(false, &[(10, 5, 10, 1), (11, 1, 11, 2), (12, 1, 9, 3)]);
    assert_eq!(bench.shown(), [r#"m{job="shop",instance=""} 2"#]);
    assert_eq!(bench.faults(), [("out_of_order", 1)]);
}

/// Scenario: points from a little and from far in the future, and without a time.
/// Guarantees: beyond ten minutes, and without a time, the time of arrival counts; the former is counted as a fault.
#[test]
fn the_future_is_replaced_by_the_arrival() {
    for (time, expected, faults) in [
        (610, nano(610), vec![]),
        (611, nano(10), vec![("future", 1)]),
    ] {
        let bench = play(true, &[(10, 1, time, 5)]);
        assert_eq!(
            (bench.only().time_unix_nano, bench.faults()),
            (expected, faults)
        );
    }
    let mut bench = Bench::new();
    let endless = proto::NumberDataPoint {
        time_unix_nano: u64::MAX,
        ..int(1, 0, 5)
    };
    let timeless = proto::NumberDataPoint {
        time_unix_nano: 0,
        ..int(1, 0, 6)
    };
    bench.send(10, vec![counter("c", vec![endless])]);
    bench.send(11, vec![counter("c", vec![timeless])]);
    assert_eq!(bench.shown(), [r#"c_total{job="shop",instance=""} 6"#]);
    assert_eq!(
        (bench.only().time_unix_nano, bench.faults()),
        (nano(11), vec![("future", 1)])
    );
}

/// Scenario: two senders under one instance write a counter.
/// Guarantees: the conflict is listed with the job, once, with its points.
#[test]
fn two_senders_are_listed() {
    let steps = [
        (10, 5, 10, 1),
        (11, 1, 11, 2),
        (12, 1, 12, 3),
        (13, 5, 13, 2),
    ];
    let mut bench = play(true, &steps);
    let list = bench.store.conflicts().list();
    assert_eq!(list.len(), 1);
    assert_eq!((&*list[0].name, list[0].points), ("m_total", 2));
    assert!(
        list[0].refused.contains(r#"job "shop""#),
        "{}",
        list[0].refused
    );
}

/// Scenario: the agent's own clock jumps an hour ahead and back between points.
/// Guarantees: points are taken all the while.
#[test]
fn jumps_of_the_own_clock_do_no_harm() {
    let bench = play(
        true,
        &[
            (10, 1, 10, 1),
            (3610, 1, 20, 2),
            (30, 1, 30, 3),
            (31, 1, 31, 4),
        ],
    );
    assert_eq!(bench.shown(), [r#"m_total{job="shop",instance=""} 4"#]);
    assert_eq!(bench.faults(), []);
}
