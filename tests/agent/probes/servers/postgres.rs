//! PostgreSQL servers, and replicas of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};
use tempfile::TempDir;

use super::Account;
use crate::fixture::{Daemon, eventually, own_loopback, run};

const PORT: u16 = 5432;
const PATIENCE: Duration = Duration::from_secs(30);

/// Who may connect: the superuser without a password, for the tests; everybody else with one, as it is usual.
const ACCESS: &str = "\
host all postgres 127.0.0.0/8 trust
host replication postgres 127.0.0.0/8 trust
host all all 127.0.0.0/8 scram-sha-256
";

/// A server with a directory and an address of its own. Its user `probe` may look at statistics.
#[derive(Debug)]
pub struct Postgres {
    settings: BTreeMap<String, String>,
    directory: TempDir,
    address: Ipv4Addr,
    daemon: Option<Daemon>,
}

impl Postgres {
    /// The password of the user `probe`.
    pub const PASSWORD: &str = "open-sesame-42";

    /// A server that takes connections.
    pub async fn start() -> Postgres {
        Postgres::start_with(&[]).await
    }

    /// A server with further settings.
    pub async fn start_with(settings: &[(&str, &str)]) -> Postgres {
        let mut server = Postgres::empty(settings);
        let mut initdb = server.program("initdb");
        initdb
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(server.data());
        run(initdb).await;
        std::fs::write(server.data().join("pg_hba.conf"), ACCESS).unwrap();
        server.start_again().await;
        let password = Postgres::PASSWORD;
        server
            .sql(&format!(
                "CREATE ROLE probe LOGIN PASSWORD '{password}'; GRANT pg_monitor TO probe"
            ))
            .await;
        server
    }

    /// A replica that streams from this server, as `name`.
    pub async fn replica(&self, name: &str) -> Postgres {
        let mut replica = Postgres::empty(&[("cluster_name", name)]);
        let mut backup = replica.program("pg_basebackup");
        backup
            .args(["--checkpoint=fast", "--wal-method=stream", "--no-sync"])
            .args(["--write-recovery-conf", "--username=postgres", "--host"])
            .arg(self.address.to_string())
            .arg("--pgdata")
            .arg(replica.data());
        run(backup).await;
        replica.start_again().await;
        replica
    }

    fn empty(settings: &[(&str, &str)]) -> Postgres {
        let directory = TempDir::new().unwrap();
        account().owns(directory.path());
        let mut server = Postgres {
            settings: BTreeMap::new(),
            directory,
            address: own_loopback(),
            daemon: None,
        };
        let place = server.directory.path().display().to_string();
        for (name, value) in [
            ("listen_addresses", server.address.to_string().as_str()),
            ("unix_socket_directories", &place),
            ("fsync", "off"),
            // How often a replica says how far it is.
            ("wal_receiver_status_interval", "1s"),
            ("wal_retrieve_retry_interval", "200ms"),
        ] {
            server.set(name, value);
        }
        for (name, value) in settings {
            server.set(name, value);
        }
        server
    }

    /// Sets what holds from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start_again(&mut self) {
        self.launch();
        let ready = async || self.connect("test").await.ok();
        let what = "PostgreSQL takes connections";
        eventually(what, PATIENCE, ready).await;
    }

    /// Starts it without waiting for anything.
    pub fn launch(&mut self) {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(Daemon::start(command));
    }

    /// Ends every connection and stops (its "fast" shutdown).
    pub async fn stop(&mut self) {
        self.signal(Signal::INT);
        self.daemon.take().expect("it runs").stop().await;
    }

    /// Asks it to stop as soon as nobody is connected any more (its "smart" shutdown).
    pub fn retire(&self) {
        self.signal(Signal::TERM);
    }

    /// Freezes the process that takes connections. Those of connections go on: they are groups of their own.
    pub fn freeze(&self) {
        self.daemon.as_ref().expect("it runs").freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon.as_ref().expect("it runs").thaw();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (self.address, PORT).into()
    }

    /// The directory with its socket.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The URL that a probe has, with the password in it.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The same, by way of `address`.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://probe:{}@{address}/postgres", Postgres::PASSWORD)
    }

    /// A connection of the superuser, as `application`.
    pub async fn session(&self, application: &str) -> PgConnection {
        self.connect(application).await.unwrap()
    }

    async fn connect(&self, application: &str) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.address.to_string())
            .port(PORT)
            .username("postgres")
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
            .application_name(application);
        options.connect().await
    }

    /// Executes `sql` as the superuser.
    pub async fn sql(&self, sql: &str) {
        let mut session = self.session("test").await;
        execute(&mut session, sql).await;
    }

    /// Writes a file that only the server may read, as a key must be.
    pub fn keep(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        account().owns(&path);
        path
    }

    /// Lets users connect over the socket, with a password.
    pub async fn allow_socket(&self) {
        let access = format!("{ACCESS}local all all scram-sha-256\n");
        std::fs::write(self.data().join("pg_hba.conf"), access).unwrap();
        self.sql("SELECT pg_reload_conf()").await;
    }

    /// Makes it a replica without a primary at its next start, that lets nobody in meanwhile.
    pub fn recover_for_ever(&mut self) {
        let signal = self.data().join("standby.signal");
        std::fs::write(&signal, "").unwrap();
        account().owns(&signal);
        self.set("hot_standby", "off");
    }

    /// Makes it a primary again at its next start.
    pub fn recover_no_longer(&mut self) {
        std::fs::remove_file(self.data().join("standby.signal")).unwrap();
        self.set("hot_standby", "on");
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        // Its directory must be one that the user may enter.
        command.current_dir("/").env_remove("PGPASSWORD");
        account().runs(&mut command);
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn signal(&self, signal: Signal) {
        let pid = self.daemon.as_ref().expect("it runs").pid();
        let pid = Pid::from_raw(pid as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

/// An orderly end gives back the shared memory that a killed server leaves behind.
impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(daemon) = self.daemon.take() else {
            return;
        };
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
            eprintln!("PostgreSQL at {}:\n{log}", self.address);
        }
        daemon.thaw();
        if let Some(pid) = Pid::from_raw(daemon.pid() as i32) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let (lock, began) = (self.data().join("postmaster.pid"), Instant::now());
        while lock.exists() && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Executes `sql` in `session`.
pub async fn execute(session: &mut PgConnection, sql: &str) {
    let done = raw_sql(AssertSqlSafe(sql)).execute(session).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn account() -> Account {
    Account::named("postgres", "postgresql")
}

/// The programs of the newest PostgreSQL that is installed. Debian has them beside the PATH.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let programs = versions
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")));
    let newest = programs
        .filter(|programs| programs.join("postgres").is_file())
        .max();
    newest.expect("PostgreSQL is missing: run ./test, or apt-get install postgresql")
}
