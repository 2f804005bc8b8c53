//! What a probe says of every database server in the same words, whatever its make: names of numbers, connections by
//! application, the server's clock.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::probe::metric::Metric;
use crate::probe::run::Run;

pub(super) const CONNECTIONS: &str = "db.server.connections";
pub(super) const CONNECTIONS_MAX: &str = "db.server.connections.max";
pub(super) const CONNECTIONS_USED: &str = "db.server.connections.used";
pub(super) const CLOCK_SKEW: &str = "db.server.clock.skew";
pub(super) const TRANSACTION_LONGEST: &str = "db.server.transaction.longest";
pub(super) const REPLICATION_LAG: &str = "db.server.replication.lag";
pub(super) const UPTIME: &str = "db.server.uptime";

/// The numbers of a database server; no kind measures all of them always.
pub(super) fn metrics() -> Vec<Metric> {
    vec![
        Metric::gauge(
            CONNECTIONS,
            "{connection}",
            "Connections of clients, by application and state.",
        ),
        Metric::gauge(
            CONNECTIONS_MAX,
            "{connection}",
            "Connections that the server gives to ordinary users.",
        ),
        Metric::gauge(
            CONNECTIONS_USED,
            "{connection}",
            "Connections of clients that are open.",
        ),
        Metric::gauge(
            CLOCK_SKEW,
            "s",
            "How far the server's clock is ahead of this machine's.",
        ),
        Metric::gauge(
            TRANSACTION_LONGEST,
            "s",
            "Age of the oldest transaction that is open.",
        ),
        Metric::gauge(
            REPLICATION_LAG,
            "s",
            "How far a replica is behind; the replica \"self\" is the server that is checked.",
        ),
        Metric::gauge(UPTIME, "s", "Time since the server started."),
    ]
}

/// What a connection does, in the words that all servers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConnectionState {
    /// Executes a statement.
    Active,
    /// Does nothing.
    Idle,
    /// Does nothing within a transaction, and so may hold locks.
    IdleInTransaction,
    /// Waits for a lock that another one holds.
    Waiting,
    /// Waits in a command until there is something to take, as a worker at a queue.
    Blocked,
    /// Listens for what is published.
    Subscribed,
    /// Not shown to the probe's user.
    Unknown,
}

impl ConnectionState {
    const ALL: [ConnectionState; 7] = [
        ConnectionState::Active,
        ConnectionState::Idle,
        ConnectionState::IdleInTransaction,
        ConnectionState::Waiting,
        ConnectionState::Blocked,
        ConnectionState::Subscribed,
        ConnectionState::Unknown,
    ];

    /// The state as meters and facts name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            ConnectionState::Active => "active",
            ConnectionState::Idle => "idle",
            ConnectionState::IdleInTransaction => "idle_in_transaction",
            ConnectionState::Waiting => "waiting",
            ConnectionState::Blocked => "blocked",
            ConnectionState::Subscribed => "subscribed",
            ConnectionState::Unknown => "unknown",
        }
    }

    /// The state within a sentence.
    const fn in_words(self) -> &'static str {
        match self {
            ConnectionState::IdleInTransaction => "idle in transaction",
            other => other.name(),
        }
    }
}

/// Applications that are shown by name; the rest is `other`. Each is a set of series.
const MAX_APPLICATIONS: usize = 50;

/// A longer name is cut. PostgreSQL cuts at 63 bytes by itself.
const MAX_NAME_CHARS: usize = 64;

/// Connections of one application, by state.
#[derive(Clone, Copy, Debug, Default)]
struct Counts([u64; ConnectionState::ALL.len()]);

impl Counts {
    fn of(&self, state: ConnectionState) -> u64 {
        self.0[state as usize]
    }

    fn add(&mut self, state: ConnectionState, count: u64) {
        let held = &mut self.0[state as usize];
        *held = held.saturating_add(count);
    }

    fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |total, count| total.saturating_add(*count))
    }

    fn all(&self) -> impl Iterator<Item = (ConnectionState, u64)> + '_ {
        ConnectionState::ALL
            .into_iter()
            .map(|state| (state, self.of(state)))
            .filter(|(_, count)| *count > 0)
    }

    fn merge(&mut self, other: &Counts) {
        for (state, count) in other.all() {
            self.add(state, count);
        }
    }

    fn json(&self) -> serde_json::Map<String, Value> {
        let counts = self.all();
        let mut shown: serde_json::Map<_, _> = counts
            .map(|(state, count)| (state.name().to_owned(), json!(count)))
            .collect();
        shown.insert("total".to_owned(), json!(self.total()));
        shown
    }
}

/// The connections of clients to one server.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_application: BTreeMap<String, Counts>,
}

impl Connections {
    /// Adds `count` connections. An application without a name is `unnamed`.
    pub(super) fn add(&mut self, application: &str, state: ConnectionState, count: u64) {
        let name: String = match application {
            "" => "unnamed".to_owned(),
            named => named.chars().take(MAX_NAME_CHARS).collect(),
        };
        let counts = self.by_application.entry(name).or_default();
        counts.add(state, count);
    }

    /// All of them.
    pub(super) fn used(&self) -> u64 {
        self.sum().total()
    }

    /// Tells `run` of them, as readings, as the fact `connections`, and as a warning when more than the share `warn` of
    /// `max` is in use. `advice` is what to do then, a clause.
    pub(super) fn tell(&self, run: &Run, max: u64, warn: f64, advice: &str) {
        let shown = self.largest();
        for (application, counts) in &shown {
            for (state, count) in counts.all() {
                let attributes = [
                    ("application", application.as_str()),
                    ("state", state.name()),
                ];
                run.reading(CONNECTIONS, &attributes, count as f64);
            }
        }
        let used = self.used();
        run.reading(CONNECTIONS_USED, &[], used as f64);
        run.reading(CONNECTIONS_MAX, &[], max as f64);
        run.fact("connections", self.fact(&shown, max));
        if used as f64 > max as f64 * warn {
            run.warn(scarce(&shown, used, max, advice));
        }
    }

    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in self.by_application.values() {
            sum.merge(counts);
        }
        sum
    }

    /// The applications with the most connections, the largest first, and what is left as `other`.
    fn largest(&self) -> Vec<(String, Counts)> {
        let mut all: Vec<_> = self
            .by_application
            .iter()
            .map(|(name, counts)| (name.clone(), *counts))
            .collect();
        all.sort_by_key(|(_, counts)| Reverse(counts.total()));
        if all.len() <= MAX_APPLICATIONS {
            return all;
        }
        let mut other = Counts::default();
        for (_, counts) in all.split_off(MAX_APPLICATIONS) {
            other.merge(&counts);
        }
        // An application may have that very name.
        match all.iter_mut().find(|(name, _)| name == "other") {
            Some((_, counts)) => counts.merge(&other),
            None => all.push(("other".to_owned(), other)),
        }
        all
    }

    fn fact(&self, shown: &[(String, Counts)], max: u64) -> Value {
        let sum = self.sum();
        let by_application: Vec<_> = shown
            .iter()
            .map(|(application, counts)| {
                let mut entry = counts.json();
                entry.insert("application".to_owned(), json!(application));
                Value::Object(entry)
            })
            .collect();
        let mut fact = sum.json();
        // These are always there, for who reads them by name.
        for state in [
            ConnectionState::Active,
            ConnectionState::Idle,
            ConnectionState::Waiting,
        ] {
            fact.insert(state.name().to_owned(), json!(sum.of(state)));
        }
        fact.insert("max".to_owned(), json!(max));
        fact.insert("by_application".to_owned(), json!(by_application));
        Value::Object(fact)
    }
}

fn scarce(shown: &[(String, Counts)], used: u64, max: u64, advice: &str) -> String {
    let Some((application, counts)) = shown.first() else {
        return format!("{used} of {max} connections are in use: {advice}");
    };
    let states: Vec<_> = counts
        .all()
        .map(|(state, count)| format!("{count} {}", state.in_words()))
        .collect();
    format!(
        "{used} of {max} connections are in use, {} by {application} ({}): {advice}",
        counts.total(),
        states.join(", ")
    )
}

/// The server's clock beside ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What the server's clock showed.
    pub(super) server: SystemTime,
    /// What ours showed when the question was sent.
    pub(super) asked: SystemTime,
    /// From the question to its answer.
    pub(super) round_trip: Duration,
}

impl Clock {
    /// Seconds that the server is ahead; negative when it is behind. The server is taken to have looked at its clock in
    /// the middle of the round trip, so it is right to half of the round trip.
    pub(super) fn skew(&self) -> f64 {
        seconds_between(self.asked, self.server) - self.round_trip.as_secs_f64() / 2.0
    }

    /// Tells `run` of it, with a warning when the clocks differ by more than `warn` for certain.
    pub(super) fn tell(&self, run: &Run, warn: Duration) {
        let skew = self.skew();
        run.reading(CLOCK_SKEW, &[], skew);
        run.fact("clock_skew_ms", (skew * 1e6).round() / 1e3);
        run.fact(
            "server_time",
            humantime::format_rfc3339_millis(self.server).to_string(),
        );
        let certain = skew.abs() - self.round_trip.as_secs_f64() / 2.0;
        if certain > warn.as_secs_f64() {
            let direction = if skew > 0.0 { "ahead of" } else { "behind" };
            run.warn(format!(
                "the server's clock is {:.1} s {direction} this machine's: synchronize both (NTP)",
                skew.abs()
            ));
        }
    }
}

/// Seconds in words, as `7m 3s`, to the millisecond below ten of them.
pub(super) fn span_in_words(seconds: f64) -> String {
    let exact = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let rounded = match exact.as_secs() {
        0..10 => Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX)),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(rounded).to_string()
}

fn seconds_between(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
