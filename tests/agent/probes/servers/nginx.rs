//! nginx, at an address of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::fixture::{Authority, Daemon, Identity, debian_tool, eventually, own_loopback};

const PATIENCE: Duration = Duration::from_secs(20);

/// What an nginx serves.
#[derive(Clone, Debug)]
pub struct Site {
    locations: String,
    files: Vec<(String, String)>,
    tls: Option<Identity>,
    asks_clients: bool,
    http2: bool,
    connections: u32,
}

impl Site {
    /// What `locations` say, in nginx's words: `location / { … }`.
    pub fn of(locations: &str) -> Site {
        Site {
            locations: locations.to_owned(),
            files: Vec::new(),
            tls: None,
            asks_clients: false,
            http2: false,
            connections: 64,
        }
    }

    /// Has a file beside its configuration.
    pub fn file(mut self, name: &str, text: &str) -> Site {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Shows `identity` on its port for https.
    pub fn tls(mut self, identity: &Identity) -> Site {
        self.tls = Some(identity.clone());
        self.file("server.pem", &identity.certificate_pem)
            .file("server.key", &identity.key_pem)
    }

    /// Asks clients for a certificate that `authority` signed.
    pub fn clients_of(mut self, authority: &Authority) -> Site {
        self.asks_clients = true;
        self.file("clients.pem", &authority.certificate_pem)
    }

    /// Speaks HTTP/2 on both ports; on that for http nothing else.
    pub fn http2(mut self) -> Site {
        self.http2 = true;
        self
    }

    /// Takes only so many connections, those that it listens on among them.
    pub fn connections(mut self, connections: u32) -> Site {
        self.connections = connections;
        self
    }
}

/// An nginx of one process, with a port for http and one for https, in a directory of its own.
pub struct Nginx {
    address: Ipv4Addr,
    site: Site,
    directory: TempDir,
    daemon: Option<Daemon>,
}

impl Nginx {
    /// Starts one and waits until it takes connections.
    pub async fn start(site: Site) -> Nginx {
        Nginx::start_at(own_loopback(), site).await
    }

    /// Starts one at `address`, for which a certificate was made.
    pub async fn start_at(address: Ipv4Addr, site: Site) -> Nginx {
        let mut nginx = Nginx {
            address,
            site,
            directory: TempDir::with_prefix("lineside-nginx-").unwrap(),
            daemon: None,
        };
        nginx.start_again().await;
        nginx
    }

    /// Its port for http.
    pub fn http(&self) -> SocketAddr {
        (self.address, 8080).into()
    }

    /// Its port for https.
    pub fn https(&self) -> SocketAddr {
        (self.address, 8443).into()
    }

    /// The process, to be frozen.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        self.daemon.take().unwrap().stop().await;
    }

    /// Shows another certificate from its next start on.
    pub fn show(&mut self, identity: &Identity) {
        self.site = self.site.clone().tls(identity);
    }

    /// Starts it after it was stopped.
    pub async fn start_again(&mut self) {
        self.write_files();
        let mut command = debian_tool("nginx", "nginx");
        command.arg("-p").arg(self.directory.path());
        command.arg("-c").arg(self.path("nginx.conf"));
        command.arg("-e").arg(self.path("error.log"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.daemon = Some(Daemon::start(command));
        eventually("nginx listens", PATIENCE, async || {
            let errors = self.read("error.log");
            assert!(
                !errors.contains("[emerg]"),
                "nginx does not start: {errors}"
            );
            TcpStream::connect(self.http()).await.ok()
        })
        .await;
    }

    /// Its log of requests, one a line, and what of their headers tests want to know.
    pub fn requests(&self) -> String {
        self.read("access.log")
    }

    /// A file in its directory, for whoever needs one: its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn write_files(&self) {
        for (name, text) in &self.site.files {
            fs::write(self.path(name), text).unwrap();
        }
        fs::write(self.path("nginx.conf"), self.config()).unwrap();
    }

    fn config(&self) -> String {
        let Site {
            locations,
            connections,
            ..
        } = &self.site;
        let (http, tls, http2) = (self.http(), self.tls_config(), self.http2());
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = kinds
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .join(" ");
        format!(
            r#"daemon off; master_process off; pid nginx.pid; error_log error.log warn;
events {{ worker_connections {connections}; }}
http {{
  {temporary}
  log_format probe '$status "$request" $http_traceparent';
  access_log access.log probe;
  server {{ listen {http}{http2}; {tls} {locations} }}
}}
"#
        )
    }

    fn tls_config(&self) -> String {
        if self.site.tls.is_none() {
            return String::new();
        }
        let clients = match self.site.asks_clients {
            true => "ssl_client_certificate clients.pem; ssl_verify_client on;",
            false => "",
        };
        let (https, http2) = (self.https(), self.http2());
        format!(
            "listen {https} ssl{http2}; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate server.pem; ssl_certificate_key server.key; {clients}"
        )
    }

    fn http2(&self) -> &'static str {
        match self.site.http2 {
            true => " http2",
            false => "",
        }
    }
}
