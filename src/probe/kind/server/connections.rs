//! Who is connected.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CONNECTIONS, CONNECTIONS_MAX, CONNECTIONS_USED};
use crate::probe::run::Run;

/// What a connection does, in the words that all servers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::probe::kind) enum ConnectionState {
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
    pub(in crate::probe::kind) const fn name(self) -> &'static str {
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
pub(in crate::probe::kind) struct Connections {
    by_application: BTreeMap<String, Counts>,
}

impl Connections {
    /// Adds `count` connections. An application without a name is `unnamed`.
    pub(in crate::probe::kind) fn add(
        &mut self,
        application: &str,
        state: ConnectionState,
        count: u64,
    ) {
        let name: String = match application {
            "" => "unnamed".to_owned(),
            named => named.chars().take(MAX_NAME_CHARS).collect(),
        };
        let counts = self.by_application.entry(name).or_default();
        counts.add(state, count);
    }

    /// All of them.
    pub(in crate::probe::kind) fn used(&self) -> u64 {
        self.sum().total()
    }

    /// Tells `run` of them, as readings, as the fact `connections`, and as a warning when more than the share `warn` of
    /// `max` is in use. `advice` is what to do then, a clause.
    pub(in crate::probe::kind) fn tell(&self, run: &Run, max: u64, warn: f64, advice: &str) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::run::Found;

    fn told(tell: impl Fn(&Run)) -> Found {
        let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
        tell(&run);
        run.take()
    }

    fn reading(found: &Found, metric: &str, wanted: &[&str]) -> Option<f64> {
        let has = |reading: &&crate::probe::Reading| {
            let values: Vec<_> = reading
                .attributes
                .iter()
                .map(|(_, value)| value.as_ref())
                .collect();
            reading.metric.as_ref() == metric && values == wanted
        };
        found.readings.iter().find(has).map(|reading| reading.value)
    }

    /// Scenario: ten connections of two applications and one without a name. Guarantees: readings, fact and the sum say so.
    #[test]
    fn connections_are_told_by_application_and_state() {
        let mut connections = Connections::default();
        connections.add("billing", ConnectionState::Idle, 6);
        connections.add("billing", ConnectionState::Active, 1);
        connections.add("shop", ConnectionState::IdleInTransaction, 2);
        connections.add("", ConnectionState::Waiting, 1);
        let found = told(|run| connections.tell(run, 100, 0.8, "do"));
        assert_eq!(
            reading(&found, CONNECTIONS, &["billing", "idle"]),
            Some(6.0)
        );
        assert_eq!(
            reading(&found, CONNECTIONS, &["unnamed", "waiting"]),
            Some(1.0)
        );
        assert_eq!(reading(&found, CONNECTIONS_USED, &[]), Some(10.0));
        assert_eq!(reading(&found, CONNECTIONS_MAX, &[]), Some(100.0));
        assert_eq!(found.warnings, [""; 0]);
        let fact = &found.facts["connections"];
        assert_eq!(fact["total"], 10);
        assert_eq!(fact["max"], 100);
        assert_eq!(
            (&fact["active"], &fact["idle"], &fact["waiting"]),
            (&json!(1), &json!(6), &json!(1))
        );
        let first = json!({"application": "billing", "total": 7, "active": 1, "idle": 6});
        assert_eq!(fact["by_application"][0], first);
    }

    /// Scenario: exactly the share that warns, and one more. Guarantees: only the second warns, names the largest application
    /// with its states, and says what to do.
    #[test]
    fn many_connections_warn() {
        let mut connections = Connections::default();
        connections.add("billing", ConnectionState::Idle, 60);
        connections.add("billing", ConnectionState::IdleInTransaction, 15);
        connections.add("shop", ConnectionState::Active, 5);
        assert_eq!(
            told(|run| connections.tell(run, 100, 0.8, "do")).warnings,
            [""; 0]
        );
        connections.add("shop", ConnectionState::Active, 1);
        let expected =
            "81 of 100 connections are in use, 75 by billing (60 idle, 15 idle in transaction): do";
        assert_eq!(
            told(|run| connections.tell(run, 100, 0.8, "do")).warnings,
            [expected]
        );
    }

    /// Scenario: 60 applications, one of them named "other", and a name of 1000 characters. Guarantees: the 50 largest are shown,
    /// the rest is summed up as "other" together with its namesake, and nothing is lost from the sum.
    #[test]
    fn many_applications_are_summed_up() {
        let mut connections = Connections::default();
        for number in 0..58 {
            connections.add(
                &format!("app-{number:02}"),
                ConnectionState::Idle,
                100 + number,
            );
        }
        connections.add("other", ConnectionState::Idle, 1000);
        connections.add(&"x".repeat(1000), ConnectionState::Idle, 1);
        let found = told(|run| connections.tell(run, 100_000, 0.8, "do"));
        let shown = found
            .readings
            .iter()
            .filter(|one| one.metric.as_ref() == CONNECTIONS);
        assert_eq!(shown.clone().count(), 50);
        assert_eq!(
            shown.map(|one| one.value).sum::<f64>(),
            connections.used() as f64
        );
        let rest: u64 = (0..9).map(|number| 100 + number).sum::<u64>() + 1;
        assert_eq!(
            reading(&found, CONNECTIONS, &["other", "idle"]),
            Some(1000.0 + rest as f64)
        );
        assert_eq!(
            reading(&found, CONNECTIONS, &["app-09", "idle"]),
            Some(109.0)
        );
        assert_eq!(reading(&found, CONNECTIONS, &["app-08", "idle"]), None);
    }
}
