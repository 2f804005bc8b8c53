//! Redis and Valkey.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use redis::Value;
use tokio::time::Instant;

use super::clients::{self, MAX_LISTED};
use super::connection::{Connection, Login};
use super::info::Info;
use super::keys::Keys;
use super::resp::{Answer, Command, count, items, text};
use super::{load, numbers, replication};
use crate::config::ProbeSettings;
use crate::probe::connection::Address;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::kind::server::{CONNECTIONS_USED, Clock, Limits};
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// The end of the year 9999, beyond which RFC 3339 has no times.
const MAX_UNIX_S: u64 = 253_402_300_799;

/// Checks a Redis or Valkey server.
#[derive(Debug)]
pub(in crate::probe::kind) struct Redis {
    address: Address,
    login: Login,
    keys: Keys,
    warn: Limits,
    /// Beyond this share of `maxmemory`, a run warns.
    memory_warn: f64,
}

impl Redis {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what of the URL or the TLS settings cannot be used.
    pub(in crate::probe::kind) fn new(settings: &ProbeSettings) -> Result<Redis, String> {
        let redis = settings.redis.clone().unwrap_or_default();
        Ok(Redis {
            address: Address::of(settings, &[])?,
            login: Login {
                // A URL whose path is neither empty nor such a number would not have been taken.
                database: settings.url.path().parse().unwrap_or_default(),
                ..Login::of(settings)
            },
            keys: Keys::of(&redis),
            warn: Limits::of(settings),
            memory_warn: redis.memory_warn,
        })
    }

    async fn look(&self, run: &Run, connection: &mut Connection<'_>) -> Result<(), Failure> {
        let first = ["PING", "INFO", "TIME"].map(|name| Command::new(&[name]));
        let (asked, began) = (SystemTime::now(), Instant::now());
        let [ping, info, time] = connection.ask(first).await?;
        let round_trip = began.elapsed();
        let info = served(connection, ping, info)?;
        if info.says("redis_mode", "sentinel") {
            let message = "a sentinel answers there: write redis-sentinel://host:26379/<group>";
            return Err(Failure::new(Reason::Protocol, message));
        }
        // A user who may not ask for the time is told nothing of it.
        if let Some(server) = time.ok().and_then(|time| time_of(&time)) {
            let clock = Clock {
                server,
                asked,
                round_trip,
            };
            clock.tell(run, self.warn.skew);
        }
        let list = self.clients(run, connection, &info).await?;
        self.tell(run, &info, list.as_deref());
        let answers = connection.ask_all(&self.keys.questions()).await?;
        self.keys.tell(run, connection, answers)
    }

    /// The list of who holds the connections, where it is not too much to ask.
    async fn clients(
        &self,
        run: &Run,
        connection: &mut Connection<'_>,
        info: &Info,
    ) -> Result<Option<String>, Failure> {
        let limited = |why: &str| {
            run.fact(
                "limited",
                format!("not shown who holds the connections: {why}"),
            )
        };
        let connected = info.count("connected_clients");
        if connected.is_some_and(|connected| connected > MAX_LISTED) {
            limited(&format!("there are more than {MAX_LISTED}"));
            return Ok(None);
        }
        let [list] = connection.ask([Command::new(&["CLIENT", "LIST"])]).await?;
        match list {
            Ok(list) => Ok(text(&list)),
            // It takes a right that a probe can do without.
            Err(refusal) => {
                limited(&refusal.failure(self.login.user.as_deref()).message);
                Ok(None)
            }
        }
    }

    fn tell(&self, run: &Run, info: &Info, list: Option<&str>) {
        if let Some((name, version)) = info.version() {
            run.fact("server_name", name);
            run.fact("server_version", version);
        }
        let connections = clients::connections(info, list);
        match info.count("maxclients").filter(|max| *max != 0) {
            Some(max) => {
                let advice = "end idle ones, use a pool, or raise maxclients";
                connections.tell(run, max, self.warn.connections, advice);
            }
            // Redis before 6 does not say.
            None => run.reading(CONNECTIONS_USED, &[], connections.used() as f64),
        }
        load::tell_memory(run, info, self.memory_warn);
        load::tell_persistence(run, info);
        load::tell_numbers(run, info);
        replication::tell(run, info, self.warn.lag);
    }
}

/// The answer to `TIME`: seconds since 1970, and microseconds of the next.
fn time_of(answer: &Value) -> Option<SystemTime> {
    let [seconds, micros] = items(answer) else {
        return None;
    };
    let seconds = count(seconds).filter(|seconds| *seconds <= MAX_UNIX_S)?;
    let micros = count(micros).filter(|micros| *micros < 1_000_000)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// What `INFO` says, where the server serves.
pub(super) fn served(
    connection: &Connection<'_>,
    ping: Answer,
    info: Answer,
) -> Result<Info, Failure> {
    let info = info.map(|info| text(&info).map(Info::new));
    match (ping, info) {
        // A server that is loading answers INFO, and an error to everything else.
        (_, Ok(Some(info))) if info.says("loading", "1") => Err(loading(&info)),
        (Err(refusal), _) | (_, Err(refusal)) => Err(connection.failure(&refusal)),
        (Ok(pong), Ok(Some(info))) if text(&pong).as_deref() == Some("PONG") => Ok(info),
        (Ok(_), Ok(_)) => Err(Failure::new(
            Reason::Protocol,
            "PING or INFO was answered, but not as Redis answers it",
        )),
    }
}

fn loading(info: &Info) -> Failure {
    let percent = info.text("loading_loaded_perc");
    let percent = percent.and_then(|percent| percent.parse::<f64>().ok());
    let done = percent.map(|percent| format!(", {percent:.0} % done"));
    let left = info.count("loading_eta_seconds");
    let left = left.map(|seconds| format!(", {seconds} s left"));
    Failure::new(
        Reason::Unavailable,
        format!(
            "the server is loading its data from disk{}{}",
            done.unwrap_or_default(),
            left.unwrap_or_default()
        ),
    )
}

#[async_trait]
impl Check for Redis {
    fn attributes(&self) -> Vec<KeyValue> {
        let database = self.login.database.to_string();
        let mut attributes = vec![
            KeyValue::new(names::DB_SYSTEM, "redis"),
            KeyValue::new(names::DB_NAMESPACE, database),
        ];
        attributes.extend(self.address.attributes());
        attributes
    }

    fn metrics(&self) -> Vec<Metric> {
        numbers::of_server()
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let mut connection = Connection::open(&self.address, &self.login, run).await?;
        run.phase(Phase::Query, self.look(run, &mut connection))
            .await
    }
}
