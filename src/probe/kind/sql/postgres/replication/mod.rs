//! How far replicas are behind: seen from the server they stream from, and from a replica itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::probe::kind::server::{REPLICATION_LAG, span_in_words};
use crate::probe::kind::sql::Table;
use crate::probe::run::Run;

/// The replica that is the checked server itself.
const SELF: &str = "self";

/// Replicas that are looked at.
const MAX_REPLICAS: usize = 100;

/// A server that streams from the checked one.
#[derive(Clone, Debug, PartialEq)]
struct Replica {
    name: String,
    address: Option<String>,
    state: Option<String>,
    sync: Option<String>,
    lag: Option<f64>,
    bytes_behind: Option<f64>,
}

impl Replica {
    fn of(table: &Table, row: usize) -> Replica {
        let text = |name| table.short(row, name);
        let bytes_behind = table.number(row, "behind");
        Replica {
            name: text("name").unwrap_or_default(),
            address: text("address"),
            state: text("state"),
            sync: text("sync"),
            lag: lag_of(table.number(row, "lag"), bytes_behind),
            bytes_behind,
        }
    }

    fn fact(&self) -> Value {
        json!({
            "name": self.name,
            "address": self.address,
            "state": self.state,
            "sync": self.sync,
            "lag_ms": self.lag.map(|lag| (lag * 1e3).round()),
            "bytes_behind": self.bytes_behind,
        })
    }

    fn warn(&self, run: &Run, label: &str, warn: Duration) {
        let behind = mebibytes(self.bytes_behind.unwrap_or(0.0));
        match (self.lag, self.state.as_deref()) {
            (Some(lag), state) if lag > warn.as_secs_f64() => run.warn(format!(
                "replica {label} is {} behind ({behind}, {}): look at its load, at long queries on it, at the network, \
                 and whether its replay is paused",
                span_in_words(lag),
                state.unwrap_or("in an unknown state"),
            )),
            (_, Some("catchup")) => run.warn(format!(
                "replica {label} is catching up and {behind} behind: until it has, it answers with old data"
            )),
            _ => {}
        }
    }
}

/// The lag of a replica, from `pg_stat_replication`. What is not behind has none, whatever was measured last. PostgreSQL
/// gives NULL after a while without traffic, and before it has measured anything; behind by some bytes then, the lag is
/// not known.
fn lag_of(reported: Option<f64>, bytes_behind: Option<f64>) -> Option<f64> {
    match bytes_behind {
        Some(bytes) if bytes <= 0.0 => Some(0.0),
        _ => reported.map(|lag| lag.max(0.0)),
    }
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes.max(0.0) / f64::from(1 << 20))
}

/// Tells `run` of the servers that stream from the checked one.
pub(super) fn tell_replicas(run: &Run, table: &Table, warn: Duration) {
    let rows = 0..table.rows.len().min(MAX_REPLICAS);
    let replicas: Vec<_> = rows.map(|row| Replica::of(table, row)).collect();
    if replicas.is_empty() {
        return;
    }
    let labels = labels(&replicas);
    let mut lags: BTreeMap<&str, f64> = BTreeMap::new();
    for (replica, label) in replicas.iter().zip(&labels) {
        replica.warn(run, label, warn);
        if let Some(lag) = replica.lag {
            let worst = lags.entry(label).or_insert(lag);
            *worst = worst.max(lag);
        }
    }
    for (label, lag) in lags {
        run.reading(REPLICATION_LAG, &[("replica", label)], lag);
    }
    let facts: Vec<_> = replicas.iter().map(Replica::fact).collect();
    run.fact("replicas", facts);
}

/// The name of each replica; with its address where several have the same, as they have when nobody names them.
fn labels(replicas: &[Replica]) -> Vec<String> {
    let named = |name: &str| replicas.iter().filter(|other| other.name == name).count();
    let label = |replica: &Replica| match &replica.address {
        Some(address) if named(&replica.name) > 1 || replica.name == SELF => {
            format!("{}@{address}", replica.name)
        }
        _ => replica.name.clone(),
    };
    replicas.iter().map(label).collect()
}

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look {
    /// Up to where its primary's log is known to it.
    target: Option<String>,
    /// Whether it has not replayed that far.
    behind: bool,
    /// The time since the commit of the last transaction that it replayed, in seconds.
    age: Option<f64>,
    paused: bool,
    /// Whether it has a process that receives.
    receives: bool,
    /// The state of that process, where the user may see it.
    status: Option<String>,
}

impl Look {
    /// From the statement about a replica.
    pub(super) fn of(table: &Table) -> Look {
        let is = |name| table.get(0, name) == Some("t");
        Look {
            target: table.short(0, "target"),
            behind: is("behind"),
            age: table.number(0, "age").map(|age| age.max(0.0)),
            paused: is("paused"),
            receives: is("receives"),
            status: table.short(0, "status"),
        }
    }

    /// What must be replayed for the replica to have been up to date, where it is not.
    pub(super) fn missing(&self) -> Option<&str> {
        self.target.as_deref().filter(|_| self.behind)
    }

    fn streams(&self) -> bool {
        self.receives && self.status.as_deref().is_none_or(|is| is == "streaming")
    }
}

/// When a replica was last seen up to date, and in which life of the server.
#[derive(Debug, Default)]
pub(super) struct CaughtUp(Mutex<Option<(String, Instant)>>);

impl CaughtUp {
    /// At `at`, everything received had been replayed by the server that `started` then.
    fn note(&self, started: &str, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((started.to_owned(), at));
    }

    /// Seconds since then, for the same life of the server.
    fn since(&self, started: &str, now: Instant) -> Option<f64> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, at) = noted.as_ref().filter(|(life, _)| life == started)?;
        Some(now.duration_since(*at).as_secs_f64())
    }

    /// How far the replica is behind, in seconds; `None` when that cannot be known. `looked` is when `look` was taken, and
    /// `replayed_at` when the position that it missed was found replayed in a second look.
    ///
    /// The age of the last replayed transaction is no lag by itself: on an idle primary it grows for ever. So:
    ///
    /// - A replica that streams and has replayed all that is there is not behind, however old that is. A primary that can
    ///   no longer be reached ends the streaming, after `wal_receiver_timeout` at the latest.
    /// - There is always something in flight on a busy replica, and now and then on an idle one, where the last transaction
    ///   may be hours old. So one that is behind is looked at again: what it missed before and has now took no longer than
    ///   from one look to the other.
    /// - One that is still behind, or receives nothing, is behind by the age of its last transaction, but not by more than
    ///   the time since it was last seen up to date: a burst after an idle night would else look like a night's lag.
    fn lag(
        &self,
        started: &str,
        look: &Look,
        looked: Instant,
        replayed_at: Option<Instant>,
    ) -> Option<f64> {
        if look.streams() && !look.behind {
            self.note(started, looked);
            return Some(0.0);
        }
        let least = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if let Some(at) = replayed_at.filter(|_| look.streams()) {
            self.note(started, looked);
            return least(look.age, Some(at.duration_since(looked).as_secs_f64()));
        }
        least(look.age, self.since(started, looked))
    }

    /// Tells `run` how far the replica is behind, with warnings when that is more than `warn` and when it does not receive.
    pub(super) fn tell(
        &self,
        run: &Run,
        started: &str,
        look: &Look,
        (looked, replayed_at): (Instant, Option<Instant>),
        warn: Duration,
    ) {
        run.fact("replay_paused", look.paused);
        if !look.streams() {
            run.warn(format!(
                "this replica receives nothing from its primary ({}) and falls behind: see its log, its primary_conninfo, \
                 and whether the primary runs",
                look.status.as_deref().unwrap_or("no receiver runs")
            ));
        }
        let Some(lag) = self.lag(started, look, looked, replayed_at) else {
            return;
        };
        run.reading(REPLICATION_LAG, &[("replica", SELF)], lag);
        run.fact("replication_lag_ms", (lag * 1e3).round());
        if lag > warn.as_secs_f64() {
            let cause = match look.paused {
                true => "its replay is paused; go on with SELECT pg_wal_replay_resume()",
                false => "look at its load, at long queries on it, and at the network",
            };
            run.warn(format!(
                "this replica is {} behind its primary: {cause}",
                span_in_words(lag)
            ));
        }
    }
}

#[cfg(test)]
mod tests;
