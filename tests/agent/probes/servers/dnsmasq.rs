//! A name server that knows a few names.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::fixture::{Daemon, debian_tool, eventually, own_loopback};

const PATIENCE: Duration = Duration::from_secs(20);
/// Below 1024 only root may listen.
const PORT: u16 = 5300;

/// dnsmasq at an address of its own, for the zone `example`; it asks nobody else.
pub struct Dnsmasq {
    address: SocketAddr,
    daemon: Option<Daemon>,
}

impl Dnsmasq {
    /// Starts it, and waits until it answers.
    pub async fn start() -> Dnsmasq {
        let mut server = Dnsmasq {
            address: (own_loopback(), PORT).into(),
            daemon: None,
        };
        server.start_again().await;
        server
    }

    /// Starts it after it was stopped.
    pub async fn start_again(&mut self) {
        self.daemon = Some(Daemon::start(self.command()));
        let address = self.address;
        eventually("a name server", PATIENCE, async || {
            TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// Stops it where it stands.
    pub fn freeze(&self) {
        self.daemon.as_ref().unwrap().freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon.as_ref().unwrap().thaw();
    }

    /// Where it listens, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that asks it for `name`, as `shop.example?type=MX`.
    pub fn url(&self, name: &str) -> String {
        format!("dns://{}/{name}", self.address)
    }

    fn command(&self) -> Command {
        let long = ["a", "b", "c", "d"]
            .map(|letter| letter.repeat(200))
            .join(",");
        let mut command = dnsmasq();
        command
            .args([
                "--no-daemon",
                "--conf-file=/dev/null",
                "--pid-file",
                "--log-facility=-",
            ])
            .args([
                "--no-hosts",
                "--no-resolv",
                "--bind-interfaces",
                "--local=/example/",
            ])
            .arg(format!("--listen-address={}", self.address.ip()))
            .arg(format!("--port={}", self.address.port()))
            .args([
                "--host-record=shop.example,10.0.0.1,120",
                "--host-record=shop.example,10.0.0.2,120",
            ])
            .args([
                "--mx-host=shop.example,mail.example,10",
                "--txt-record=shop.example,v=spf1 -all",
            ])
            .arg(format!("--txt-record=long.example,{long}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Debian keeps it where the PATH of others than root may not lead.
fn dnsmasq() -> Command {
    let usual = Path::new("/usr/sbin/dnsmasq");
    match usual.is_file() {
        true => Command::new(usual),
        false => debian_tool("dnsmasq", "dnsmasq-base"),
    }
}
