//! Lag as replicas and their primaries see it, under times that the tests choose.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::probe::run::Found;

const WARN: Duration = Duration::from_secs(30);

fn told(tell: impl Fn(&Run)) -> Found {
    let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
    tell(&run);
    run.take()
}

fn replicas(rows: &[[&str; 6]]) -> Table {
    let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
    let columns = ["name", "address", "state", "sync", "lag", "behind"];
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(value).collect())
            .collect(),
        more: false,
    }
}

fn lags(found: &Found) -> Vec<(String, f64)> {
    let lags = found.readings.iter();
    lags.map(|one| (one.attributes[0].1.to_string(), one.value))
        .collect()
}

/// A replica that streams and is up to date, its last transaction an hour ago.
fn idle() -> Look {
    Look {
        target: Some("0/5000060".to_owned()),
        behind: false,
        age: Some(3600.0),
        paused: false,
        receives: true,
        status: Some("streaming".to_owned()),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Scenario: replicas that are up to date, late, and late by an unknown time. Guarantees: bytes decide whether there is a lag at
/// all; what is not known is not told.
#[test]
fn a_primary_knows_how_late_its_replicas_are() {
    let cases = [
        (Some(12.0), Some(0.0), Some(0.0)),
        (None, Some(0.0), Some(0.0)),
        (Some(12.0), Some(100.0), Some(12.0)),
        (Some(-0.5), Some(100.0), Some(0.0)),
        (None, Some(100.0), None),
        (None, None, None),
    ];
    for (reported, bytes, lag) in cases {
        assert_eq!(lag_of(reported, bytes), lag, "{reported:?}, {bytes:?}");
    }
}

/// Scenario: one replica that is up to date, one that is late, one that catches up. Guarantees: readings for those whose lag is
/// known, facts for all, a warning for each that answers with old data.
#[test]
fn late_replicas_are_warned_of() {
    let table = replicas(&[
        ["good", "10.0.0.1", "streaming", "async", "0.001", "0"],
        ["late", "10.0.0.2", "streaming", "async", "45.5", "16777216"],
        ["new", "10.0.0.3", "catchup", "async", "NULL", "1048576"],
    ]);
    let found = told(|run| tell_replicas(run, &table, WARN));
    assert_eq!(
        lags(&found),
        [("good".to_owned(), 0.0), ("late".to_owned(), 45.5)]
    );
    assert_eq!(found.facts["replicas"].as_array().unwrap().len(), 3);
    let [late, new] = found.warnings.as_slice() else {
        panic!("{:?}", found.warnings);
    };
    assert!(
        late.contains("replica late is 45s behind (16.0 MiB, streaming)"),
        "{late}"
    );
    assert!(
        new.contains("replica new is catching up and 1.0 MiB behind"),
        "{new}"
    );
}

/// Scenario: several replicas of one name, at one address and at two, and one that calls itself as this server does. Guarantees:
/// each label occurs once, with the worst lag.
#[test]
fn replicas_of_one_name_are_told_apart() {
    let table = replicas(&[
        ["walreceiver", "10.0.0.1", "streaming", "async", "1", "9"],
        ["walreceiver", "10.0.0.1", "streaming", "async", "3", "9"],
        ["walreceiver", "10.0.0.2", "streaming", "async", "2", "9"],
        ["self", "10.0.0.3", "streaming", "async", "4", "9"],
    ]);
    let found = told(|run| tell_replicas(run, &table, WARN));
    let expected = [
        ("self@10.0.0.3", 4.0),
        ("walreceiver@10.0.0.1", 3.0),
        ("walreceiver@10.0.0.2", 2.0),
    ];
    assert_eq!(
        lags(&found),
        expected.map(|(label, lag)| (label.to_owned(), lag))
    );
}

/// Scenario: nobody streams. Guarantees: nothing is said.
#[test]
fn without_replicas_nothing_is_said() {
    let found = told(|run| tell_replicas(run, &replicas(&[]), WARN));
    assert!(found.readings.is_empty() && found.facts.is_empty());
}

/// Scenario: a primary that has been idle for an hour. Guarantees: its replica is not behind.
#[test]
fn an_idle_primary_is_no_lag() {
    let now = Instant::now();
    assert_eq!(
        CaughtUp::default().lag("life", &idle(), now, None),
        Some(0.0)
    );
}

/// Scenario: a replica whose streaming the user may not see. Guarantees: it counts as streaming, since its receiver runs.
#[test]
fn a_hidden_state_counts_as_streaming() {
    let look = Look {
        status: None,
        ..idle()
    };
    assert_eq!(
        CaughtUp::default().lag("life", &look, Instant::now(), None),
        Some(0.0)
    );
}

/// Scenario: something in flight at the first look that is replayed at the second, on a busy and on an idle replica. Guarantees:
/// the lag is no more than the time between the looks, and on the busy one the age of its last transaction.
#[test]
fn something_in_flight_is_hardly_lag() {
    let (looked, replayed_at) = (Instant::now(), Instant::now() + Duration::from_millis(100));
    let lag = |age: f64| {
        let look = Look {
            behind: true,
            age: Some(age),
            ..idle()
        };
        CaughtUp::default()
            .lag("life", &look, looked, Some(replayed_at))
            .unwrap()
    };
    assert!((0.1..0.2).contains(&lag(3600.0)));
    assert_eq!(lag(0.004), 0.004);
}

/// Scenario: a burst after an idle hour that the second look still finds unreplayed; the replica was up to date 20 s ago, or in
/// another life of the server, or was never seen so. Guarantees: the lag is at most those 20 s, else the age of its last transaction.
#[test]
fn a_burst_after_an_idle_night_is_not_a_nights_lag() {
    let (caught_up, seen) = (CaughtUp::default(), Instant::now());
    let behind = Look {
        behind: true,
        ..idle()
    };
    assert_eq!(caught_up.lag("life", &behind, seen, None), Some(3600.0));
    caught_up.lag("life", &idle(), seen, None);
    assert_eq!(
        caught_up.lag("life", &behind, seen + secs(20), None),
        Some(20.0)
    );
    assert_eq!(
        caught_up.lag("other life", &behind, seen + secs(20), None),
        Some(3600.0)
    );
    let young = Look {
        age: Some(5.0),
        ..behind
    };
    assert_eq!(
        caught_up.lag("life", &young, seen + secs(20), None),
        Some(5.0)
    );
}

/// Scenario: a paused replica while its primary goes on writing. Guarantees: the lag grows with the time, and the warning names the
/// cause.
#[test]
fn paused_replay_is_growing_lag() {
    let (caught_up, seen) = (CaughtUp::default(), Instant::now());
    caught_up.lag("life", &idle(), seen, None);
    for passed in [10, 40] {
        let look = Look {
            behind: true,
            paused: true,
            age: Some(passed as f64),
            ..idle()
        };
        let times = (seen + secs(passed), None);
        let found = told(|run| caught_up.tell(run, "life", &look, times, WARN));
        assert_eq!(lags(&found), [(SELF.to_owned(), passed as f64)]);
        assert_eq!(found.facts["replay_paused"], true);
        let warned = found
            .warnings
            .iter()
            .any(|told| told.contains("pg_wal_replay_resume()"));
        assert_eq!(warned, passed > 30, "{:?}", found.warnings);
    }
}

/// Scenario: a replica without a receiver, and with one that does not stream; both with nothing left to replay. Guarantees: each
/// warns, and is behind by the time since it was last seen up to date, as nobody knows what its primary has.
#[test]
fn a_replica_that_receives_nothing_falls_behind() {
    let cases = [
        (
            Look {
                receives: false,
                status: None,
                ..idle()
            },
            "no receiver runs",
        ),
        (
            Look {
                status: Some("waiting".to_owned()),
                ..idle()
            },
            "waiting",
        ),
    ];
    for (look, cause) in cases {
        let (caught_up, seen) = (CaughtUp::default(), Instant::now());
        caught_up.lag("life", &idle(), seen, None);
        let found = told(|run| caught_up.tell(run, "life", &look, (seen + secs(50), None), WARN));
        assert_eq!(lags(&found), [(SELF.to_owned(), 50.0)]);
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
        assert!(found.warnings[0].contains(cause), "{:?}", found.warnings);
    }
}

/// Scenario: a replica that has replayed no transaction yet and does not stream. Guarantees: no number is made up.
#[test]
fn an_unknown_lag_is_not_told() {
    let look = Look {
        receives: false,
        age: None,
        ..idle()
    };
    let caught_up = CaughtUp::default();
    let found = told(|run| caught_up.tell(run, "life", &look, (Instant::now(), None), WARN));
    assert!(found.readings.is_empty());
    assert!(!found.facts.contains_key("replication_lag_ms"));
}
