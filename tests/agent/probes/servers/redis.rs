//! Redis servers and sentinels, each at an address of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::{Authority, Daemon, debian_tool, eventually, own_loopback};

const PATIENCE: Duration = Duration::from_secs(20);

/// The group that sentinels watch.
pub const GROUP: &str = "shop";

/// A Redis server, in a directory of its own. It saves nothing unless its arguments say so.
pub struct RedisServer {
    address: SocketAddr,
    arguments: Vec<String>,
    directory: TempDir,
    daemon: Option<Daemon>,
    /// What `redis-cli` needs besides to get in.
    cli: Vec<String>,
}

impl RedisServer {
    /// Starts one with further arguments, as `["--maxclients", "20"]`, and waits until it answers.
    pub async fn start(arguments: &[&str]) -> RedisServer {
        let mut server = RedisServer::idle(arguments);
        server.start_again().await;
        server
    }

    /// One that starts with [`RedisServer::start_again`].
    pub fn idle(arguments: &[&str]) -> RedisServer {
        RedisServer {
            address: (own_loopback(), 6379).into(),
            arguments: arguments.iter().map(|text| text.to_string()).collect(),
            directory: TempDir::new().unwrap(),
            daemon: None,
            cli: Vec::new(),
        }
    }

    /// A replica of `primary`.
    pub async fn replica_of(primary: &RedisServer) -> RedisServer {
        let of = format!("{} {}", primary.host(), primary.address.port());
        RedisServer::start(&["--replicaof", &of]).await
    }

    /// Tells how `redis-cli` gets in, as `["-a", "secret"]`.
    pub fn with_cli(mut self, arguments: &[&str]) -> RedisServer {
        self.cli = arguments.iter().map(|text| text.to_string()).collect();
        self
    }

    /// Speaks TLS and nothing else from its next start on; `clients` says whether it asks for a certificate: "yes", "no".
    pub fn speak_tls(&mut self, files: &TlsFiles, clients: &str) {
        let all = [
            ["--tls-ca-cert-file", &files.ca],
            ["--tls-cert-file", &files.certificate],
            ["--tls-key-file", &files.key],
            ["--port", "0"],
            ["--tls-port", "6379"],
            ["--tls-auth-clients", clients],
        ];
        self.arguments = all.iter().flatten().map(|text| text.to_string()).collect();
        self.cli = files.cli();
    }

    /// Loads its data slowly from its next start on, with a pause after each key.
    pub fn load_slowly(&mut self, pause: Duration) {
        let pause_us = pause.as_micros().to_string();
        let slow = [
            "--key-load-delay",
            &pause_us,
            "--loading-process-events-interval-bytes",
            "1024",
        ];
        self.arguments.extend(slow.map(str::to_owned));
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

    /// `redis://…` with `rest` behind it, as `/2`.
    pub fn url(&self, rest: &str) -> String {
        format!("redis://{}{rest}", self.address)
    }

    /// The directory that it saves to.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process, to be frozen.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        self.daemon.take().unwrap().stop().await;
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.daemon.take().unwrap().kill();
    }

    /// Starts it where it was, and waits until it answers.
    pub async fn start_again(&mut self) {
        self.begin();
        eventually("an answer of redis-server", PATIENCE, async || {
            let pong = self.try_cli(&["PING"]).await;
            (!pong.contains("Could not connect")).then_some(())
        })
        .await;
    }

    /// Starts it where it was, and waits for nothing.
    pub fn begin(&mut self) {
        let host = self.host().to_string();
        let mut command = debian_tool("redis-server", "redis-server");
        command.args([
            "--port",
            "6379",
            "--bind",
            &host,
            "--replica-announce-ip",
            &host,
        ]);
        command.args([
            "--protected-mode",
            "no",
            "--save",
            "",
            "--repl-diskless-sync-delay",
            "0",
        ]);
        command
            .args(["--enable-debug-command", "yes"])
            .args(&self.arguments);
        self.daemon = Some(daemon(command, self.directory.path()));
    }

    /// What `redis-cli` says to `words`. Errors of the server are text as well.
    pub async fn cli(&self, words: &[&str]) -> String {
        let said = self.try_cli(words).await;
        assert!(!said.contains("Could not connect"), "{said}");
        said
    }

    async fn try_cli(&self, words: &[&str]) -> String {
        cli(self.address, &self.cli, words).await
    }
}

/// The files of a server that speaks TLS.
pub struct TlsFiles {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

impl TlsFiles {
    /// Writes what `authority` certifies for `address` to `directory`.
    pub fn write(authority: &Authority, address: Ipv4Addr, directory: &Path) -> TlsFiles {
        let identity = authority.certify(address);
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        TlsFiles {
            ca: file("ca.pem", &authority.certificate_pem),
            certificate: file("server.pem", &identity.certificate_pem),
            key: file("server.key", &identity.key_pem),
        }
    }

    fn cli(&self) -> Vec<String> {
        let TlsFiles {
            ca,
            certificate,
            key,
        } = self;
        let cli = ["--tls", "--cacert", ca, "--cert", certificate, "--key", key];
        cli.map(str::to_owned).to_vec()
    }
}

/// A sentinel, with the file that it writes to itself.
pub struct SentinelServer {
    address: SocketAddr,
    directory: TempDir,
    daemon: Option<Daemon>,
    cli: Vec<String>,
}

impl SentinelServer {
    /// Starts one that watches the group of `primary`, and wants `quorum` to agree.
    pub async fn start(primary: &RedisServer, quorum: u32) -> SentinelServer {
        let mut sentinel = SentinelServer::idle(primary, quorum);
        sentinel.start_again().await;
        sentinel
    }

    /// One that starts with [`SentinelServer::start_again`].
    pub fn idle(primary: &RedisServer, quorum: u32) -> SentinelServer {
        let address: SocketAddr = (own_loopback(), 26379).into();
        let (host, watched) = (address.ip(), primary.host());
        let directory = TempDir::new().unwrap();
        let settings = format!(
            "port 26379\nbind {host}\nprotected-mode no\nsentinel announce-ip {host}\n\
             sentinel monitor {GROUP} {watched} 6379 {quorum}\n\
             sentinel down-after-milliseconds {GROUP} 1500\n\
             sentinel failover-timeout {GROUP} 6000\n"
        );
        fs::write(directory.path().join("sentinel.conf"), settings).unwrap();
        SentinelServer {
            address,
            directory,
            daemon: None,
            cli: Vec::new(),
        }
    }

    /// Speaks TLS and nothing else from its next start on, with the servers as well.
    pub fn speak_tls(&mut self, files: &TlsFiles) {
        let path = self.directory.path().join("sentinel.conf");
        let settings = fs::read_to_string(&path).unwrap();
        let plain = settings.replacen("port 26379", "port 0", 1);
        let TlsFiles {
            ca,
            certificate,
            key,
        } = files;
        let tls = format!(
            "tls-port 26379\ntls-replication yes\ntls-auth-clients no\n\
             tls-ca-cert-file {ca}\ntls-cert-file {certificate}\ntls-key-file {key}\n"
        );
        fs::write(&path, tls + &plain).unwrap();
        self.cli = files.cli();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process, to be frozen.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        self.daemon.take().unwrap().stop().await;
    }

    /// Starts it where it was, with all that it knows, and waits until it answers.
    pub async fn start_again(&mut self) {
        let mut command = debian_tool("redis-sentinel", "redis-sentinel");
        command.arg(self.directory.path().join("sentinel.conf"));
        self.daemon = Some(daemon(command, self.directory.path()));
        eventually("an answer of redis-sentinel", PATIENCE, async || {
            let pong = self.cli(&["PING"]).await;
            pong.contains("PONG").then_some(())
        })
        .await;
    }

    /// What `redis-cli` says to `words`.
    pub async fn cli(&self, words: &[&str]) -> String {
        cli(self.address, &self.cli, words).await
    }

    /// Waits until it knows so many other sentinels and replicas of the group.
    pub async fn knows(&self, sentinels: usize, replicas: usize) {
        let what = format!("a sentinel that knows {sentinels} others and {replicas} replicas");
        eventually(&what, PATIENCE, async || {
            let said = self.cli(&["SENTINEL", "MASTER", GROUP]).await;
            let fields: Vec<_> = said.lines().collect();
            let field = |name| {
                let mut pairs = fields.chunks_exact(2);
                pairs
                    .find(|pair| pair[0] == name)
                    .map(|pair| pair[1].to_owned())
            };
            let knows = field("num-other-sentinels") == Some(sentinels.to_string())
                && field("num-slaves") == Some(replicas.to_string());
            knows.then_some(())
        })
        .await;
    }
}

fn daemon(mut command: Command, directory: &Path) -> Daemon {
    let log = fs::File::create(directory.join("server.log")).unwrap();
    command
        .current_dir(directory)
        .stdout(log)
        .stderr(Stdio::null());
    Daemon::start(command)
}

async fn cli(address: SocketAddr, arguments: &[String], words: &[&str]) -> String {
    let mut command = debian_tool("redis-cli", "redis-tools");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    command.args(["-h", &host, "-p", &port, "--no-auth-warning"]);
    command.args(arguments).args(words);
    // It ends with an error where nobody answers, which those who wait for an answer see in its text.
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}
