//! Connecting with a library that does everything in one call, and still knowing how far it came.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::dial;
use crate::probe::failure::{Failure, Phase};
use crate::probe::run::Run;
use crate::telemetry::names;

/// Where a database server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe::kind) enum Place {
    /// A host and port.
    Tcp {
        /// The name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket in the file system.
    Socket(PathBuf),
}

impl Place {
    /// The attributes of a span that connects there (semantic conventions, "server": the path of a socket is its
    /// address, and it has no port).
    pub(in crate::probe::kind) fn attributes(&self) -> Vec<KeyValue> {
        match self {
            Place::Tcp { host, port } => vec![
                KeyValue::new(names::SERVER_ADDRESS, host.clone()),
                KeyValue::new(names::SERVER_PORT, i64::from(*port)),
            ],
            Place::Socket(path) => vec![KeyValue::new(
                names::SERVER_ADDRESS,
                path.display().to_string(),
            )],
        }
    }

    async fn resolve(&self, run: &Run) -> Result<Way, Failure> {
        match self {
            Place::Tcp { host, port } => {
                let resolved = run.phase(Phase::Resolve, dial::resolve(host, *port));
                Ok(Way::Tcp(resolved.await?))
            }
            Place::Socket(path) => Ok(Way::Socket(path.clone())),
        }
    }
}

/// A place with its name resolved.
enum Way {
    Tcp(Vec<SocketAddr>),
    Socket(PathBuf),
}

impl Way {
    /// How long it takes to connect there; `None` when that fails. The connection is closed at once.
    async fn reach(&self) -> Option<Duration> {
        let began = Instant::now();
        let reached = match self {
            Way::Tcp(addresses) => dial::connect(addresses).await.is_ok(),
            Way::Socket(path) => UnixStream::connect(path).await.is_ok(),
        };
        reached.then(|| began.elapsed())
    }
}

/// Resolves `place`, then does `login`: all that a database library does in one call from the TCP connection to the end of
/// the login. That is the phase `connect`.
///
/// A server that hangs leaves such a call without an end, and nothing tells whether it hangs before or after the TCP
/// connection. So when half of the run's time has passed, a witness connects beside it, once, and closes at once. When
/// that works, the login is what does not end, and the phase is `handshake`.
///
/// # Errors
///
/// Those of resolving and of `login`.
pub(in crate::probe::kind) async fn connect<C>(
    run: &Run,
    place: &Place,
    login: impl Future<Output = Result<C, Failure>>,
) -> Result<C, Failure> {
    let way = place.resolve(run).await?;
    let half = (run.timeout() / 2).saturating_sub(run.elapsed());
    let witness = async {
        sleep(half).await;
        way.reach().await
    };
    run.phase(Phase::Connect, async {
        tokio::pin!(login);
        tokio::select! {
            biased;
            done = &mut login => return done,
            reached = witness => {
                if let Some(took) = reached {
                    run.turn(Phase::Handshake, took);
                }
            }
        }
        login.await
    })
    .await
}
