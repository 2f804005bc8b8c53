//! Who holds the server's connections, as `CLIENT LIST` says (<https://redis.io/docs/latest/commands/client-list/>).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::refusal::clipped;
use crate::probe::run::Run;

/// The server walks all of its connections to list them: with more than this it is not asked to.
pub(super) const MAX_LISTED: u64 = 1000;

/// Applications that are told apart; the rest is one.
const MAX_APPLICATIONS: usize = 20;

/// No more of an application's name is shown.
const MAX_NAME_CHARS: usize = 64;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It sent a command within the last second.
    Active,
    /// It sent none for longer.
    Idle,
    /// It sent none for longer, but has a transaction open (`MULTI`).
    IdleInTransaction,
    /// It waits in a blocking command, as `BLPOP` (flag `b`).
    Blocked,
    /// It listens to channels (flag `P`).
    Subscribed,
    /// It is a link to a replica or a primary (flags `S`, `M`).
    Replication,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Idle => "idle",
            State::IdleInTransaction => "idle_in_transaction",
            State::Blocked => "blocked",
            State::Subscribed => "subscribed",
            State::Replication => "replication",
        }
    }
}

/// How many connections are in which state.
type States = BTreeMap<State, u64>;

/// Connections by application and state, those with most connections first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clients {
    applications: Vec<(String, States)>,
}

impl Clients {
    /// Reads the lines of `CLIENT LIST`.
    pub(super) fn of(list: &str) -> Clients {
        let mut applications = BTreeMap::<String, States>::new();
        for line in list.lines().filter(|line| line.starts_with("id=")) {
            let client = Client(line);
            let states = applications.entry(client.application()).or_default();
            *states.entry(client.state()).or_default() += 1;
        }
        let mut applications: Vec<_> = applications.into_iter().collect();
        applications.sort_by_key(|(_, states)| std::cmp::Reverse(total(states)));
        Clients {
            applications: bounded(applications),
        }
    }

    /// The application with most connections, how many it has, and how many of those are idle.
    pub(super) fn largest(&self) -> Option<(&str, u64, u64)> {
        let (name, states) = self.applications.first()?;
        let idle = states.get(&State::Idle).copied().unwrap_or_default();
        Some((name, total(states), idle))
    }

    /// Connections in `state`, of all applications.
    fn in_state(&self, state: State) -> u64 {
        let states = self.applications.iter().map(|(_, states)| states);
        states.filter_map(|states| states.get(&state)).sum()
    }

    /// Adds one number for each application and state.
    pub(super) fn read_into(&self, run: &Run) {
        for (application, states) in &self.applications {
            for (state, count) in states {
                let attributes = [("application", &**application), ("state", state.name())];
                run.reading("db.server.connections", &attributes, *count as f64);
            }
        }
    }

    /// What a person may want to know: each state's connections, and each application's.
    pub(super) fn facts(&self) -> Vec<(&'static str, Value)> {
        let by_application = self.applications.iter().map(|(name, states)| {
            let mut fact = json!({"application": name, "total": total(states)});
            for (state, count) in states {
                fact[state.name()] = json!(count);
            }
            fact
        });
        vec![
            ("active", json!(self.in_state(State::Active))),
            ("idle", json!(self.in_state(State::Idle))),
            ("waiting", json!(self.in_state(State::Blocked))),
            ("by_application", by_application.collect()),
        ]
    }
}

fn total(states: &States) -> u64 {
    states.values().sum()
}

/// The largest applications, and the rest as one.
fn bounded(mut applications: Vec<(String, States)>) -> Vec<(String, States)> {
    let rest = applications.split_off(applications.len().min(MAX_APPLICATIONS));
    let mut others = States::new();
    for (state, count) in rest.into_iter().flat_map(|(_, states)| states) {
        *others.entry(state).or_default() += count;
    }
    if !others.is_empty() {
        applications.push(("(others)".to_owned(), others));
    }
    applications
}

/// One line.
struct Client<'a>(&'a str);

impl Client<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.split(' ').filter_map(|field| field.split_once('='));
        let value = fields.find_map(|(key, value)| (key == name).then_some(value));
        value.filter(|value| !value.is_empty())
    }

    /// The name that it gave itself, or that of its library. Sentinels name each of their connections anew.
    fn application(&self) -> String {
        match self.field("name").or_else(|| self.field("lib-name")) {
            Some(name) if name.starts_with("sentinel-") => "sentinel".to_owned(),
            Some(name) => clipped(name, MAX_NAME_CHARS),
            None => "(unnamed)".to_owned(),
        }
    }

    fn state(&self) -> State {
        let flags = self.field("flags").unwrap_or_default();
        let idle = self.field("idle").is_some_and(|seconds| seconds != "0");
        let in_transaction = self.field("multi").is_some_and(|queued| queued != "-1");
        match () {
            () if flags.contains(['S', 'M']) => State::Replication,
            () if flags.contains('b') => State::Blocked,
            () if flags.contains('P') => State::Subscribed,
            () if idle && in_transaction => State::IdleInTransaction,
            () if idle => State::Idle,
            () => State::Active,
        }
    }
}
