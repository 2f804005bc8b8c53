//! MySQL and MariaDB: one new connection a run, what the server says of itself, and the configured queries.

mod activity;
mod codes;
mod login;
mod make;
mod options;
mod replication;
mod statements;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use sqlx::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};

use self::activity::Activity;
use self::codes::failure;
use self::login::Logins;
use self::make::Make;
use super::{Asked, Place, Queries, Table, is_lost};
use crate::config::ProbeSettings;
use crate::probe::failure::{Failure, Phase};
use crate::probe::kind::Check;
use crate::probe::kind::server::{self, Connections, Limits, UPTIME};
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// Checks a MySQL or MariaDB server.
pub(in crate::probe::kind) struct Mysql {
    options: MySqlConnectOptions,
    place: Place,
    queries: Queries,
    warn: Limits,
    logins: Logins,
    /// Whether it is MariaDB, as the last run found; before the first, as the URL says.
    mariadb: AtomicBool,
}

impl Mysql {
    /// What `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what of the URL, the TLS settings or the queries cannot be used.
    pub(in crate::probe::kind) fn new(settings: &ProbeSettings) -> Result<Mysql, String> {
        let (options, place) = options::options(settings)?;
        Ok(Mysql {
            options,
            place,
            queries: Queries::new(&settings.query)?,
            warn: Limits::of(settings),
            logins: Logins::default(),
            mariadb: AtomicBool::new(settings.url.scheme() == "mariadb"),
        })
    }

    /// Says which of the two it is, as far as is known.
    fn tell_system(&self, run: &Run) {
        let system = match self.mariadb.load(Ordering::Relaxed) {
            true => "mariadb",
            false => "mysql",
        };
        run.attribute(KeyValue::new(names::DB_SYSTEM, system));
    }

    async fn look(&self, run: &Run, connection: &mut MySqlConnection) -> Result<(), Failure> {
        let make = self.look_at_server(run, connection).await;
        let make = make.map_err(|error| failure(run, error))?;
        self.ask_all(run, connection, make).await
    }

    async fn look_at_server(
        &self,
        run: &Run,
        connection: &mut MySqlConnection,
    ) -> Result<Make, sqlx::Error> {
        if let Some(clock) = statements::clock(connection).await? {
            clock.tell(run, self.warn.skew);
        }
        let server = statements::table(connection, statements::SERVER).await?;
        let make = Make::of(server.get(0, "version").unwrap_or_default());
        self.mariadb.store(make == Make::MariaDb, Ordering::Relaxed);
        self.tell_system(run);
        tell_server(run, &server);
        let status = Status(statements::table(connection, statements::STATUS).await?);
        status.tell(run);

        let mut hidden = Vec::new();
        let activity = activity(connection).await?;
        let connections = match &activity {
            // Of more connections than are read, the number is known.
            Some(activity) if activity.processes.more => status.connections(),
            Some(activity) => activity.connections(),
            None => {
                hidden.push(("what other users do", "PROCESS"));
                status.connections()
            }
        };
        let advice = "end idle ones (wait_timeout), use a pool, or raise max_connections";
        let max = server.count(0, "max").unwrap_or(0);
        connections.tell(run, max, self.warn.connections, advice);
        if let Some(activity) = &activity {
            activity.tell_transaction(run, self.warn.transaction);
        }
        match statements::table_or_none(connection, make.replication()).await? {
            Some(table) => replication::tell(run, &table, self.warn.lag),
            None => hidden.push(("how replication goes", make.replication_privilege())),
        }
        tell_hidden(run, &server, &hidden);
        Ok(make)
    }

    /// Asks every configured query, and fails with the first that failed. One that the server refuses leaves the others
    /// what they are; without a connection there is nothing more to ask.
    async fn ask_all(
        &self,
        run: &Run,
        connection: &mut MySqlConnection,
        make: Make,
    ) -> Result<(), Failure> {
        let mut asked = Asked::default();
        for query in self.queries.iter() {
            let answer = statements::ask(run, connection, make, query).await;
            let lost = answer.as_ref().is_err_and(is_lost);
            asked.take(run, query, answer, |error| failure(run, error));
            if lost {
                break;
            }
        }
        asked.end()
    }
}

/// What the clients do; `None` when this user does not see that of others.
async fn activity(connection: &mut MySqlConnection) -> Result<Option<Activity>, sqlx::Error> {
    // Without the privilege for this one, the others show the probe's own connection alone.
    let transactions = statements::table_or_none(connection, statements::TRANSACTIONS).await?;
    let Some(transactions) = transactions else {
        return Ok(None);
    };
    let processes = statements::table(connection, statements::PROCESSES).await?;
    let programs = statements::table_or_none(connection, statements::PROGRAMS).await?;
    Ok(Some(Activity {
        processes,
        transactions,
        programs: programs.unwrap_or_default(),
    }))
}

fn tell_server(run: &Run, server: &Table) {
    if let Some(version) = server.get(0, "version") {
        run.fact("server_version", version);
    }
    // NO_LOCK and its like, from MariaDB 12 on, are ways of being read-only.
    if let Some(read_only) = server.get(0, "read_only") {
        run.fact("read_only", !matches!(read_only, "0" | "OFF"));
    }
}

/// Says what this user does not see, and what would show it.
fn tell_hidden(run: &Run, server: &Table, hidden: &[(&str, &str)]) {
    let user = server.get(0, "user").unwrap_or("this user");
    let told: Vec<_> = hidden
        .iter()
        .map(|(what, privilege)| {
            format!("{user} does not see {what}: GRANT {privilege} ON *.* shows it")
        })
        .collect();
    if !told.is_empty() {
        run.fact("limited", told.join("; "));
    }
}

/// The server's counters, as SHOW STATUS gives them.
struct Status(Table);

impl Status {
    fn get(&self, name: &str) -> Option<&str> {
        let mut rows = 0..self.0.rows.len();
        let row = rows.find(|&row| self.0.get(row, "Variable_name") == Some(name))?;
        self.0.get(row, "Value")
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    fn connections(&self) -> Connections {
        let count = |name| self.count(name).unwrap_or(0);
        activity::counted(count("Threads_connected"), count("Threads_running"))
    }

    fn tell(&self, run: &Run) {
        if let Some(uptime) = self.count("Uptime") {
            run.reading(UPTIME, &[], uptime as f64);
        }
        // Servers write TLSv1.3, semantic conventions 1.3, and nothing without TLS.
        let version = self.get("Ssl_version").unwrap_or_default();
        if let Some(version) = version.strip_prefix("TLSv") {
            run.attribute(KeyValue::new(names::TLS_VERSION, version.to_owned()));
        }
    }
}

#[async_trait]
impl Check for Mysql {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.place.attributes();
        let database = self.options.get_database().map(str::to_owned);
        attributes.extend(database.map(|name| KeyValue::new(names::DB_NAMESPACE, name)));
        attributes
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = server::metrics();
        metrics.extend(self.queries.metrics());
        metrics
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        self.tell_system(run);
        let logging_in = self.logins.log_in(run, &self.place, &self.options);
        let mut connection = logging_in.await?;
        let looked = run
            .phase(Phase::Query, self.look(run, &mut connection))
            .await;
        // Without a word of farewell, the server counts the connection as aborted.
        let _ = connection.close().await;
        looked
    }
}
