//! PostgreSQL: one new connection a run, what the server says of itself, and the configured queries.

mod activity;
mod codes;
mod greeting;
mod options;
mod replication;
mod statements;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep};

use super::{Asked, Place, Queries, Table, connect, is_lost};
use crate::config::ProbeSettings;
use crate::probe::failure::{Failure, Phase};
use crate::probe::kind::Check;
use crate::probe::kind::server::{self, Limits, UPTIME};
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;
use codes::{failure, is_lacking, login_failure};
use replication::{CaughtUp, Look};

/// How long a replica that is behind has to replay what it had received, to count as only busy.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// A share of the run's time that a second look must not exceed.
const SECOND_LOOK_SHARE: u32 = 4;

/// Checks a PostgreSQL server. It cannot be printed: `options` would show the password.
pub(in crate::probe::kind) struct Postgres {
    options: PgConnectOptions,
    place: Place,
    queries: Queries,
    warn: Limits,
    caught_up: CaughtUp,
    /// Whether the last login worked, so that a PostgreSQL server is known to be there.
    is_known: AtomicBool,
}

impl Postgres {
    /// What `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what of the URL, the TLS settings or the queries cannot be used.
    pub(in crate::probe::kind) fn new(settings: &ProbeSettings) -> Result<Postgres, String> {
        let (options, place) = options::options(settings)?;
        Ok(Postgres {
            options,
            place,
            queries: Queries::new(&settings.query)?,
            warn: Limits::of(settings),
            caught_up: CaughtUp::default(),
            is_known: AtomicBool::new(false),
        })
    }

    async fn login(&self) -> Result<PgConnection, sqlx::Error> {
        let known = self.is_known.swap(false, Ordering::Relaxed);
        if !known && !greeting::is_asked_by_library(&self.options) {
            greeting::greet(&self.place).await?;
        }
        let connection = self.options.connect().await?;
        self.is_known.store(true, Ordering::Relaxed);
        Ok(connection)
    }

    async fn look(&self, run: &Run, connection: &mut PgConnection) -> Result<(), Failure> {
        let failed = |error| failure(run, error);
        if let Some(clock) = statements::clock(connection).await.map_err(failed)? {
            clock.tell(run, self.warn.skew);
        }
        match self.look_at_server(run, connection).await {
            Err(error) if is_lacking(&error) => {
                let error = failed(error).message;
                run.fact("limited", format!("statistics are missing: {error}"));
            }
            looked => looked.map_err(failed)?,
        }
        self.ask_all(run, connection).await
    }

    async fn look_at_server(
        &self,
        run: &Run,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let server = statements::table(connection, statements::SERVER).await?;
        tell_server(run, &server);
        let table = statements::table(connection, statements::CONNECTIONS).await?;
        let advice = "end idle ones, use a pool, or raise max_connections";
        let max = server.count(0, "max").unwrap_or(0);
        activity::connections(&table).tell(run, max, self.warn.connections, advice);
        let table = statements::table(connection, statements::TRANSACTION).await?;
        activity::tell_transaction(run, &table, self.warn.transaction);
        let table = statements::table(connection, statements::REPLICAS).await?;
        replication::tell_replicas(run, &table, self.warn.lag);
        match is(&server, "replica") {
            true => self.look_at_replica(run, connection, &server).await,
            false => Ok(()),
        }
    }

    async fn look_at_replica(
        &self,
        run: &Run,
        connection: &mut PgConnection,
        server: &Table,
    ) -> Result<(), sqlx::Error> {
        let looked = Instant::now();
        let look = Look::of(&statements::table(connection, statements::STANDBY).await?);
        let mut replayed_at = None;
        if let Some(missing) = look.missing() {
            let left = run.timeout().saturating_sub(run.elapsed());
            sleep(SECOND_LOOK.min(left / SECOND_LOOK_SHARE)).await;
            let replayed = statements::has_replayed(connection, missing).await?;
            replayed_at = replayed.then(Instant::now);
        }
        let started = server.get(0, "started").unwrap_or_default();
        let times = (looked, replayed_at);
        self.caught_up
            .tell(run, started, &look, times, self.warn.lag);
        Ok(())
    }

    /// Asks every configured query, and fails with the first that failed. One that the server refuses leaves the others
    /// what they are; without a connection there is nothing more to ask.
    async fn ask_all(&self, run: &Run, connection: &mut PgConnection) -> Result<(), Failure> {
        let mut asked = Asked::default();
        for query in self.queries.iter() {
            let answer = statements::ask(run, connection, query).await;
            let lost = answer.as_ref().is_err_and(is_lost);
            asked.take(run, query, answer, |error| failure(run, error));
            if lost {
                break;
            }
        }
        asked.end()
    }
}

fn is(table: &Table, name: &str) -> bool {
    table.get(0, name) == Some("t")
}

fn tell_server(run: &Run, server: &Table) {
    if let Some(version) = server.short(0, "version") {
        run.fact("server_version", version);
    }
    if let Some(uptime) = server.number(0, "uptime") {
        run.reading(UPTIME, &[], uptime);
    }
    // PostgreSQL writes TLSv1.3, semantic conventions 1.3.
    if let Some(version) = server.short(0, "tls") {
        let version = version.trim_start_matches("TLSv").to_owned();
        run.attribute(KeyValue::new(names::TLS_VERSION, version));
    }
    let replica = is(server, "replica");
    run.fact("role", if replica { "replica" } else { "primary" });
    if !is(server, "sees_all") {
        let user = server.short(0, "user");
        let user = user.unwrap_or("this user".to_owned());
        run.fact(
            "limited",
            format!(
                "{user} does not see what other users do, nor how far replicas are: GRANT pg_monitor TO {user} shows it"
            ),
        );
    }
}

#[async_trait]
impl Check for Postgres {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.place.attributes();
        attributes.push(KeyValue::new(names::DB_SYSTEM, "postgresql"));
        // Without a name, PostgreSQL takes the user's for that of the database.
        let database = self.options.get_database();
        let database = database.unwrap_or(self.options.get_username()).to_owned();
        attributes.push(KeyValue::new(names::DB_NAMESPACE, database));
        attributes
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = server::metrics();
        metrics.extend(self.queries.metrics());
        metrics
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let login = async {
            let connected = self.login().await;
            connected.map_err(|error| login_failure(run, error))
        };
        let mut connection = connect(run, &self.place, login).await?;
        let looked = run
            .phase(Phase::Query, self.look(run, &mut connection))
            .await;
        // The server need not learn of the end from a closed socket. Whether it hears of it changes nothing.
        let _ = connection.close().await;
        looked
    }
}
