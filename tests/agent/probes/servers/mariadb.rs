//! MariaDB servers, each in a directory and at an address of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, raw_sql};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::fixture::{Daemon, debian_tool, eventually, own_loopback, repository, run};

const PATIENCE: Duration = Duration::from_secs(30);

/// The password of every user but root.
pub const PASSWORD: &str = "let-me-in";

/// What every server holds. `probe` may see what a probe wants to see; `app` stands for the service.
const CONTENT: &str = "
    CREATE DATABASE shop;
    CREATE TABLE shop.jobs (queue VARCHAR(20) PRIMARY KEY, waiting INT);
    INSERT INTO shop.jobs VALUES ('mail', 3), ('pdf', 4);
    CREATE FUNCTION shop.take() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM shop.jobs; RETURN 1; END;
    CREATE USER probe@'%' IDENTIFIED BY 'let-me-in', app@'%' IDENTIFIED BY 'let-me-in', plain@'%' IDENTIFIED BY 'let-me-in';
    GRANT PROCESS, REPLICA MONITOR ON *.* TO probe@'%';
    GRANT SELECT ON performance_schema.* TO probe@'%';
    GRANT SELECT, DELETE, EXECUTE ON shop.* TO probe@'%', app@'%';
";

/// A MariaDB server.
pub struct MariaDb {
    address: SocketAddr,
    arguments: Vec<String>,
    directory: TempDir,
    daemon: Option<Daemon>,
}

impl MariaDb {
    /// Starts one with further arguments, as `["--max-connections=10"]`, and waits until it answers.
    pub async fn start(arguments: &[&str]) -> MariaDb {
        let template = template().await;
        let mut server = MariaDb::idle(arguments);
        copy(template, &server.data()).await;
        server.start_again().await;
        server
    }

    /// One without data.
    fn idle(arguments: &[&str]) -> MariaDb {
        MariaDb {
            address: (own_loopback(), 3306).into(),
            arguments: arguments.iter().map(|text| text.to_string()).collect(),
            directory: open_directory(),
            daemon: None,
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Ends it and starts it with further arguments.
    pub async fn restarted(mut self, arguments: &[&str]) -> MariaDb {
        self.stop().await;
        self.arguments
            .extend(arguments.iter().map(|text| text.to_string()));
        self.start_again().await;
        self
    }

    /// Starts it on the data that it has.
    pub async fn start_again(&mut self) {
        self.daemon = Some(Daemon::start(self.command()));
        eventually("MariaDB answers", PATIENCE, async || {
            let admin = self.admin().await.ok()?;
            leave(admin).await;
            Some(())
        })
        .await;
    }

    fn command(&self) -> Command {
        let mut command = server_program();
        command
            .arg("--no-defaults")
            .args(as_whom())
            .arg(format!("--datadir={}", self.data().display()))
            .arg(format!("--bind-address={}", self.address.ip()))
            .arg(format!("--port={}", self.address.port()))
            .arg(format!("--socket={}", self.socket().display()))
            // Killed servers leave files, and others get their process ids and with them the names of those.
            .arg(format!("--tmpdir={}", self.data().display()))
            .args(SMALL)
            .args(["--skip-name-resolve", "--skip-log-bin"])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.directory.path().join("log")).unwrap());
        command
    }

    fn socket(&self) -> PathBuf {
        self.data().join("socket")
    }

    /// A connection as root, which is let in when all others are not.
    pub async fn admin(&self) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new().socket(self.socket());
        options.username("root").connect().await
    }

    /// Does `statements` as root.
    pub async fn sql(&self, statements: &str) {
        let mut admin = self.admin().await.unwrap();
        let done = admin.execute(raw_sql(AssertSqlSafe(statements))).await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
        leave(admin).await;
    }

    /// A counter of the server.
    pub async fn status(&self, name: &str) -> u64 {
        let mut admin = self.admin().await.unwrap();
        let statement = format!("SHOW GLOBAL STATUS LIKE '{name}'");
        let row = admin.fetch_one(raw_sql(AssertSqlSafe(statement))).await;
        let value: String = row.unwrap().get_unchecked(1);
        leave(admin).await;
        value.parse().unwrap()
    }

    /// A connection of `user` over TCP.
    pub async fn connect(&self, user: &str) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new()
            .host(&self.host().to_string())
            .port(self.address.port())
            .username(user)
            .password(PASSWORD);
        options.database("shop").connect().await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address without the port.
    pub fn host(&self) -> Ipv4Addr {
        match self.address {
            SocketAddr::V4(address) => *address.ip(),
            SocketAddr::V6(_) => unreachable!("loopbacks are IPv4"),
        }
    }

    /// Its directory, for files that it reads. Everybody may look into it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it runs")
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        self.daemon.take().expect("it runs").stop().await;
    }
}

/// A failing test shows what the server wrote.
impl Drop for MariaDb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log"));
            eprintln!("--- MariaDB's output ---\n{}", log.unwrap_or_default());
        }
    }
}

/// Ends a connection in order, so that the server does not count it as aborted. Over TLS it answers with less than the
/// library expects.
async fn leave(connection: MySqlConnection) {
    let _ = connection.close().await;
}

/// What makes a server that holds nothing small and quick.
const SMALL: [&str; 4] = [
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0",
    "--key-buffer-size=64K",
];

/// The server refuses to be root, but knows how to become somebody else.
fn as_whom() -> Option<&'static str> {
    rustix::process::getuid()
        .is_root()
        .then_some("--user=mysql")
}

/// Debian keeps servers where not everybody's PATH leads.
fn server_program() -> Command {
    let usual = Path::new("/usr/sbin/mariadbd");
    match usual.is_file() {
        true => Command::new(usual),
        false => debian_tool("mariadbd", "mariadb-server"),
    }
}

/// A directory that the server's user can enter.
fn open_directory() -> TempDir {
    let directory = TempDir::with_prefix("lineside-mariadb-").unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The data of a server that has [`CONTENT`]. It is made once and kept, as that takes seconds.
async fn template() -> &'static Path {
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> PathBuf {
    let mut version = server_program();
    version.args(["--no-defaults", "--version"]);
    let version = run(version).await.stdout;
    let known = crc32fast::hash(&[&version, CONTENT.as_bytes()].concat());
    let tools = repository().join("target/test-tools");
    let kept = tools.join(format!("mariadb-{known:08x}"));
    if kept.is_dir() {
        return kept;
    }
    let mut server = MariaDb::idle(&[]);
    install(&server.data()).await;
    server.start_again().await;
    server.sql(CONTENT).await;
    server.stop().await;
    // Another process may be making it at the same time: whoever is first leaves the whole of it.
    fs::create_dir_all(&tools).unwrap();
    let own = tools.join(format!("mariadb-{known:08x}.{}", std::process::id()));
    copy(&server.data(), &own).await;
    if fs::rename(&own, &kept).is_err() {
        fs::remove_dir_all(&own).unwrap();
    }
    kept
}

async fn install(data: &Path) {
    let mut install = debian_tool("mariadb-install-db", "mariadb-server");
    install
        .arg("--no-defaults")
        .args(as_whom())
        .arg(format!("--datadir={}", data.display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(SMALL);
    run(install).await;
}

async fn copy(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(from).arg(to);
    run(copy).await;
}
