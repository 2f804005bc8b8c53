//! Redis and Valkey.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use serde_json::json;

use super::clients::{Clients, MAX_LISTED};
use super::clock::Clock;
use super::connection::{Connection, Login};
use super::info::Info;
use super::keys::Keys;
use super::resp::{Answer, Command, text};
use super::{load, numbers, replication};
use crate::config::ProbeSettings;
use crate::dial::ClientTls;
use crate::probe::connection::Address;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// From when on things that work are a warning.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: f64,
    memory: f64,
    lag: Duration,
    skew: Duration,
}

/// Checks one server.
#[derive(Debug)]
pub(super) struct Server {
    address: Address,
    login: Login,
    keys: Keys,
    limits: Limits,
}

impl Server {
    /// The server that `settings` name.
    ///
    /// # Errors
    ///
    /// Says what of the settings cannot be used.
    pub(super) fn of(settings: &ProbeSettings) -> Result<Server, String> {
        let redis = settings.redis.clone().unwrap_or_default();
        let tls = ClientTls::from(settings.tls.clone().unwrap_or_default());
        Ok(Server {
            address: Address::of(&settings.url, &tls, &[])?,
            login: Login {
                database: database(&settings.url.path())?,
                ..Login::of(settings)
            },
            keys: Keys::of(&redis),
            limits: Limits {
                connections: settings.connections_warn,
                memory: redis.memory_warn,
                lag: settings.lag_warn,
                skew: settings.skew_warn,
            },
        })
    }

    async fn ask(&self, connection: &mut Connection<'_>, run: &Run) -> Result<(), Failure> {
        let first = ["PING", "INFO", "TIME"].map(|name| Command::new(&[name]));
        let asked = SystemTime::now();
        let [ping, info, time] = connection.ask(first).await?;
        let heard = SystemTime::now();
        let info = served(connection, ping, info)?;
        if info.says("redis_mode", "sentinel") {
            return Err(Failure::new(
                Reason::Protocol,
                "a sentinel answers there: write redis-sentinel://host:26379/<group>",
            ));
        }
        // A user who may not ask for the time is told nothing of it.
        let clock = time.ok().and_then(|time| Clock::of(&time, asked, heard));
        if let Some(clock) = clock {
            clock.tell(run, self.limits.skew);
        }
        let clients = self.clients(connection, &info, run).await?;
        self.tell(run, &info, clients.as_ref());
        let answers = connection.ask_all(&self.keys.questions()).await?;
        self.keys.tell(run, connection, answers)
    }

    /// Who holds the connections, where it is not too much to ask.
    async fn clients(
        &self,
        connection: &mut Connection<'_>,
        info: &Info,
        run: &Run,
    ) -> Result<Option<Clients>, Failure> {
        let connected = info.count("connected_clients");
        if connected.is_none_or(|connected| connected > MAX_LISTED) {
            left_out(run, &format!("there are more than {MAX_LISTED}"));
            return Ok(None);
        }
        let [list] = connection.ask([Command::new(&["CLIENT", "LIST"])]).await?;
        match list {
            Ok(list) => Ok(Some(Clients::of(&text(&list).unwrap_or_default()))),
            // It takes a right (@admin) that a probe can do without.
            Err(refusal) => {
                left_out(run, &refusal.failure(self.login.user.as_deref()).message);
                Ok(None)
            }
        }
    }

    fn tell(&self, run: &Run, info: &Info, clients: Option<&Clients>) {
        if let Some((name, version)) = info.version() {
            run.fact("server_version", version);
            run.fact("server_name", name);
        }
        load::tell_connections(run, info, clients, self.limits.connections);
        load::tell_memory(run, info, self.limits.memory);
        load::tell_persistence(run, info);
        load::tell_numbers(run, info);
        replication::tell(run, info, self.limits.lag);
    }
}

fn left_out(run: &Run, why: &str) {
    run.fact(
        "left_out",
        json!([format!("connections by application: {why}")]),
    );
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

/// The database that the path of a URL names by its number.
fn database(path: &str) -> Result<u32, String> {
    match path {
        "" => Ok(0),
        number => number.parse().map_err(|_| {
            "url: Redis has databases by number: write redis://host:6379/0".to_owned()
        }),
    }
}

#[async_trait]
impl Check for Server {
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
        run.phase(Phase::Query, self.ask(&mut connection, run))
            .await
    }
}
