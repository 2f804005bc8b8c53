//! Maintenance windows.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::config::{MaintenanceSettings, Weekday, WindowEdge};
use crate::probe::Windows;

fn moment(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

fn windows(from: WindowEdge, to: WindowEdge, days: &[Weekday], probes: &[&str]) -> Windows {
    let mut settings = MaintenanceSettings::new(from, to);
    settings.days = days.to_vec();
    settings.probes = probes.iter().map(|name| (*name).to_owned()).collect();
    Windows::of(&BTreeMap::from([("nightly".to_owned(), settings)]))
}

fn end(windows: &Windows, now: &str) -> Option<String> {
    let (name, end) = windows.open("db", moment(now))?;
    assert_eq!(name, "nightly");
    Some(humantime::format_rfc3339_seconds(end).to_string())
}

/// Scenario: a window of every day, one over midnight, one on Saturdays over midnight, one moment. Guarantees: each is open
/// from its first second to the one before its end, and known to end then. 2026-11-21 is a Saturday.
#[test]
fn windows_open_and_close() {
    let minutes = |hours: u32, minutes: u32| WindowEdge::Daily(hours * 60 + minutes);
    let once = |text: &str| WindowEdge::Once(moment(text));
    let daily = windows(minutes(2, 0), minutes(3, 30), &[], &[]);
    let over_midnight = windows(minutes(23, 0), minutes(1, 0), &[], &[]);
    let saturday = windows(minutes(23, 0), minutes(1, 0), &[Weekday::Sat], &[]);
    let single = windows(
        once("2026-12-01T22:00:00Z"),
        once("2026-12-02T04:00:00Z"),
        &[],
        &[],
    );
    let cases = [
        (&daily, "2026-11-21T01:59:59Z", None),
        (&daily, "2026-11-21T02:00:00Z", Some("2026-11-21T03:30:00Z")),
        (&daily, "2026-11-21T03:29:59Z", Some("2026-11-21T03:30:00Z")),
        (&daily, "2026-11-21T03:30:00Z", None),
        (
            &over_midnight,
            "2026-11-21T23:30:00Z",
            Some("2026-11-22T01:00:00Z"),
        ),
        (
            &over_midnight,
            "2026-11-22T00:59:59Z",
            Some("2026-11-22T01:00:00Z"),
        ),
        (&over_midnight, "2026-11-22T01:00:00Z", None),
        (&saturday, "2026-11-21T00:30:00Z", None),
        (
            &saturday,
            "2026-11-21T23:00:00Z",
            Some("2026-11-22T01:00:00Z"),
        ),
        (
            &saturday,
            "2026-11-22T00:30:00Z",
            Some("2026-11-22T01:00:00Z"),
        ),
        (&saturday, "2026-11-22T23:30:00Z", None),
        (&single, "2026-12-01T21:59:59Z", None),
        (
            &single,
            "2026-12-01T22:00:00Z",
            Some("2026-12-02T04:00:00Z"),
        ),
        (&single, "2026-12-02T04:00:00Z", None),
    ];
    for (windows, now, expected) in cases {
        assert_eq!(end(windows, now).as_deref(), expected, "{now}");
    }
}

/// Scenario: a window for one probe. Guarantees: no other is excused.
#[test]
fn a_window_is_for_those_it_names() {
    let all_day = (WindowEdge::Daily(0), WindowEdge::Daily(23 * 60 + 59));
    let windows = windows(all_day.0, all_day.1, &[], &["db"]);
    let now = moment("2026-11-21T12:00:00Z");
    assert!(windows.open("db", now).is_some());
    assert!(windows.open("cache", now).is_none());
}
