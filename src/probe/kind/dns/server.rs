//! Who is asked.

use std::net::SocketAddr;

use opentelemetry::KeyValue;

use crate::config::ProbeUrl;
use crate::dial;
use crate::probe::failure::{Failure, Phase};
use crate::probe::kind::blocking::Blocking;
use crate::probe::run::Run;
use crate::telemetry::names;

/// Where the system's name servers stand (resolv.conf(5)).
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Who is asked where the file names nobody.
const OURSELVES: &str = "127.0.0.1";
const PORT: u16 = 53;

/// Who is asked.
#[derive(Debug)]
pub(super) enum Server {
    /// The one that the URL names.
    Named {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The first of the system's, as its file names it at the time.
    OfSystem(Blocking),
}

impl Server {
    /// Whom `url` asks.
    pub(super) fn of(url: &ProbeUrl) -> Server {
        match url.host() {
            host if host.is_empty() => Server::OfSystem(Blocking::default()),
            host => Server::Named {
                host,
                port: url.port().unwrap_or(PORT),
            },
        }
    }

    /// The attributes of a span that asks it, as far as they are known before.
    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        match self {
            Server::Named { host, port } => attributes(host, *port),
            Server::OfSystem(_) => Vec::new(),
        }
    }

    /// Its addresses, one at least.
    pub(super) async fn resolve(&self, run: &Run) -> Result<Vec<SocketAddr>, Failure> {
        let resolved = run.phase(Phase::Resolve, async {
            let (host, port) = match self {
                Server::Named { host, port } => (host.clone(), *port),
                Server::OfSystem(blocking) => {
                    let host = blocking.run(|| Ok(of_system())).await?;
                    for attribute in attributes(&host, PORT) {
                        run.attribute(attribute);
                    }
                    (host, PORT)
                }
            };
            Ok(dial::resolve(&host, port).await?)
        });
        resolved.await
    }
}

fn attributes(host: &str, port: u16) -> Vec<KeyValue> {
    vec![
        KeyValue::new(names::SERVER_ADDRESS, host.to_owned()),
        KeyValue::new(names::SERVER_PORT, i64::from(port)),
    ]
}

/// The system's first name server. Where there is no file, or none that can be read, it is this machine.
fn of_system() -> String {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    first_server(&text).to_owned()
}

/// The first server that `text` names: a word behind the keyword, which stands at the beginning of its line.
pub(super) fn first_server(text: &str) -> &str {
    let mut servers = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("nameserver")?;
        let rest = rest.strip_prefix([' ', '\t'])?;
        rest.split_whitespace().next()
    });
    servers.next().unwrap_or(OURSELVES)
}
