//! Who replicates from whom, and how far behind, as `INFO replication` says.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::info::Info;
use super::numbers::REPLICATION_LAG_SIZE;
use super::refusal::clipped;
use crate::probe::kind::server::REPLICATION_LAG;
use crate::probe::run::Run;

/// Replicas that are told of one by one.
pub(super) const MAX_REPLICAS: usize = 20;

/// A primary that has nothing to say still speaks this often (`repl-ping-replica-period`), so that a replica that heard
/// nothing for less is not behind.
const PRIMARY_SPEAKS_EVERY: Duration = Duration::from_secs(10);

/// No host name is longer (RFC 1035, section 2.3.4).
const MAX_HOST_CHARS: usize = 253;

/// Host and port of a server as another server names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Place {
    /// The place at `host` and `port`, where both can be one.
    pub(super) fn of(host: &str, port: &str) -> Option<Place> {
        let host = clipped(host, MAX_HOST_CHARS);
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty()).then_some(Place { host, port })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What a server is in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes writes.
    Primary,
    /// It copies another.
    Replica(Upstream),
}

/// The server that a replica copies, seen from the replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upstream {
    /// The server.
    pub(super) place: Place,
    /// Whether the link to it stands.
    pub(super) linked: bool,
    /// Time since the server was heard; while the link is down, since it went down. `None` when it never stood.
    pub(super) silent: Option<Duration>,
}

impl Role {
    /// What `info` says; `None` where it does not say it, as a sentinel does not.
    pub(super) fn of(info: &Info) -> Option<Role> {
        match info.text("role")? {
            "master" => Some(Role::Primary),
            "slave" => Some(Role::Replica(Upstream::of(info)?)),
            _ => None,
        }
    }

    /// As facts show it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Role::Primary => "primary",
            Role::Replica(_) => "replica",
        }
    }
}

impl Upstream {
    fn of(info: &Info) -> Option<Upstream> {
        let linked = info.says("master_link_status", "up");
        let silent = match linked {
            true => info.count("master_last_io_seconds_ago"),
            false => info.count("master_link_down_since_seconds"),
        };
        Some(Upstream {
            place: Place::of(info.text("master_host")?, info.text("master_port")?)?,
            linked,
            silent: silent.map(Duration::from_secs),
        })
    }

    /// What is wrong with it, where something is.
    pub(super) fn trouble(&self, lag_warn: Duration) -> Option<String> {
        let place = &self.place;
        let silent = self.silent;
        if !self.linked {
            let since = silent.map(|silent| format!(" for {}", humantime::format_duration(silent)));
            let since = since.unwrap_or_default();
            return Some(format!("the link to the primary {place} is down{since}"));
        }
        let silent = silent.filter(|silent| *silent > lag_warn.max(PRIMARY_SPEAKS_EVERY))?;
        let silent = humantime::format_duration(silent);
        Some(format!(
            "nothing was heard of the primary {place} for {silent}"
        ))
    }
}

/// A replica, seen from its primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    /// The replica.
    pub(super) place: Place,
    /// `online`, or how far it is in becoming so: `wait_bgsave`, `send_bulk`.
    pub(super) state: String,
    /// Time since it last said how far it is. It says so every second.
    pub(super) lag: Option<Duration>,
    /// How many bytes of the replication stream it has not confirmed.
    pub(super) bytes_behind: Option<u64>,
}

impl Replica {
    /// Reads `ip=10.0.0.7,port=6379,state=online,offset=1240,lag=0`.
    fn of(line: &str, written: Option<u64>) -> Option<Replica> {
        let field = |name: &str| {
            let mut fields = line.split(',').filter_map(|field| field.split_once('='));
            fields.find_map(|(key, value)| (key == name).then_some(value))
        };
        let seconds = field("lag").and_then(|lag| lag.parse().ok());
        let offset = field("offset").and_then(|offset| offset.parse::<u64>().ok());
        Some(Replica {
            place: Place::of(field("ip")?, field("port")?)?,
            state: clipped(field("state")?, 32),
            lag: seconds.map(Duration::from_secs),
            bytes_behind: written
                .zip(offset)
                .map(|(written, offset)| written.saturating_sub(offset)),
        })
    }

    /// The replicas of a primary, the first [`MAX_REPLICAS`].
    pub(super) fn all(info: &Info) -> Vec<Replica> {
        let written = info.count("master_repl_offset");
        let lines = info.numbered("slave", MAX_REPLICAS).into_iter();
        let replicas = lines.filter_map(|line| Replica::of(line, written));
        let mut by_place: Vec<Replica> = replicas.collect();
        by_place.sort_by(|one, other| one.place.cmp(&other.place));
        by_place.dedup_by(|one, other| one.place == other.place);
        by_place
    }

    /// What is wrong with it, where something is.
    pub(super) fn trouble(&self, lag_warn: Duration) -> Option<String> {
        let Replica { place, state, .. } = self;
        if state != "online" {
            return Some(format!("the replica {place} is not in step yet ({state})"));
        }
        let lag = self.lag.filter(|lag| *lag > lag_warn)?;
        let lag = humantime::format_duration(lag);
        Some(format!(
            "the replica {place} is {lag} behind: look at its load and at the network between"
        ))
    }

    /// Its lag in milliseconds.
    pub(super) fn lag_ms(&self) -> Option<u64> {
        self.lag.map(millis)
    }

    fn fact(&self) -> Value {
        json!({
            "name": self.place.to_string(),
            "state": self.state,
            "lag_ms": self.lag_ms(),
            "bytes_behind": self.bytes_behind,
        })
    }
}

/// Tells `run` of replication from where `info` comes from.
pub(super) fn tell(run: &Run, info: &Info, lag_warn: Duration) {
    let Some(role) = Role::of(info) else { return };
    run.fact("role", role.name());
    if let Role::Replica(upstream) = role {
        tell_of_upstream(run, &upstream, lag_warn);
    }
    // A replica may have replicas of its own.
    let replicas = Replica::all(info);
    if replicas.is_empty() {
        return;
    }
    measure(run, &replicas);
    for replica in &replicas {
        if let Some(trouble) = replica.trouble(lag_warn) {
            run.warn(trouble);
        }
    }
    let facts: Vec<_> = replicas.iter().map(Replica::fact).collect();
    run.fact("replicas", facts);
}

/// Tells `run` how far replicas are behind.
pub(super) fn measure(run: &Run, replicas: &[Replica]) {
    for replica in replicas {
        let name = replica.place.to_string();
        let of_it = [("replica", &*name)];
        if let Some(lag) = replica.lag {
            run.reading(REPLICATION_LAG, &of_it, lag.as_secs_f64());
        }
        if let Some(bytes) = replica.bytes_behind {
            run.reading(REPLICATION_LAG_SIZE, &of_it, bytes as f64);
        }
    }
}

fn tell_of_upstream(run: &Run, upstream: &Upstream, lag_warn: Duration) {
    run.fact("primary", upstream.place.to_string());
    if let Some(silent) = upstream.silent {
        let of_itself = [("replica", "self")];
        run.reading(REPLICATION_LAG, &of_itself, silent.as_secs_f64());
        run.fact("replication_lag_ms", millis(silent));
    }
    if let Some(trouble) = upstream.trouble(lag_warn) {
        run.warn(format!(
            "{trouble}: look at the primary and at the network between"
        ));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
