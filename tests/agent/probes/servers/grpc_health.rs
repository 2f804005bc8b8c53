//! A gRPC server with the official health service.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Daemon, eventually, own_loopback, python, repository};

const PATIENCE: Duration = Duration::from_secs(30);
const PORT: u16 = 50051;
const CONTROL_PORT: u16 = 50052;

/// `tests/clients/python/health_server.py` at an address of its own.
pub struct GrpcHealth {
    host: Ipv4Addr,
    arguments: Vec<String>,
    daemon: Option<Daemon>,
}

impl GrpcHealth {
    /// Starts one that offers the health service, with further arguments, and waits until it answers.
    pub async fn start(arguments: &[&str]) -> GrpcHealth {
        GrpcHealth::start_at(own_loopback(), &[&["--health"], arguments].concat()).await
    }

    /// Starts one that offers nothing.
    pub async fn start_without_health() -> GrpcHealth {
        GrpcHealth::start_at(own_loopback(), &[]).await
    }

    /// Starts one at `host`, for which a certificate was made.
    pub async fn start_at(host: Ipv4Addr, arguments: &[&str]) -> GrpcHealth {
        let mut server = GrpcHealth {
            host,
            arguments: arguments.iter().map(|text| text.to_string()).collect(),
            daemon: None,
        };
        server.start_again().await;
        server
    }

    /// Starts it after it was stopped.
    pub async fn start_again(&mut self) {
        let mut command = python();
        command
            .arg(repository().join("tests/clients/python/health_server.py"))
            .args([
                self.host.to_string(),
                PORT.to_string(),
                CONTROL_PORT.to_string(),
            ])
            .args(&self.arguments)
            .stdout(Stdio::null());
        self.daemon = Some(Daemon::start(command));
        let control = (self.host, CONTROL_PORT);
        eventually("a gRPC server", PATIENCE, async || {
            TcpStream::connect(control).await.ok()
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

    /// Sets what it says of `service`; the server as a whole has the empty name.
    pub async fn says(&self, service: &str, status: &str) {
        self.control(&format!("{status} {service}\n")).await;
    }

    /// Makes a call to it that lasts.
    pub async fn fill(&self) {
        self.control("FILL\n").await;
    }

    /// Ends that call.
    pub async fn free(&self) {
        self.control("FREE\n").await;
    }

    async fn control(&self, line: &str) {
        let mut control = TcpStream::connect((self.host, CONTROL_PORT)).await.unwrap();
        control.write_all(line.as_bytes()).await.unwrap();
        let mut done = [0; 4];
        control.read_exact(&mut done).await.unwrap();
        assert_eq!(&done, b"set\n");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (self.host, PORT).into()
    }

    /// Its URL, in plain.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address())
    }
}
