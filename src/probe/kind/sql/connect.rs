//! Connecting with a library that does everything in one call, and still knowing how far it came.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::dial;
use crate::probe::failure::{Failure, Phase, Reason};
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
            // Who stops takes its socket away. A library would only say that there is no such file.
            Place::Socket(path) if !path.exists() => Err(Failure {
                phase: Some(Phase::Connect),
                ..Failure::new(
                    Reason::Refused,
                    format!("there is no socket {}", path.display()),
                )
            }),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::{pending, ready};

    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(400);

    fn run() -> Run {
        Run::begin(TIMEOUT, http::HeaderMap::new())
    }

    async fn listening() -> (TcpListener, Place) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = "127.0.0.1".to_owned();
        (listener, Place::Tcp { host, port })
    }

    fn phases(run: &Run) -> Vec<Phase> {
        run.take().laps.iter().map(|lap| lap.phase).collect()
    }

    /// Scenario: a login that works at once. Guarantees: nobody else connects, not even after half of the time, and the
    /// phases are resolve and connect.
    #[tokio::test]
    async fn a_login_that_works_has_no_witness() {
        let (listener, place) = listening().await;
        let run = run();
        let done = connect(&run, &place, ready(Ok(7))).await;
        assert_eq!(done, Ok(7));
        assert_eq!(phases(&run), [Phase::Resolve, Phase::Connect]);
        assert!(timeout(TIMEOUT, listener.accept()).await.is_err());
    }

    /// Scenario: a login that never ends, at a server that takes connections. Guarantees: one witness connects and closes at
    /// once, after which the run is in the handshake.
    #[tokio::test]
    async fn a_login_that_hangs_behind_tcp_is_in_the_handshake() {
        let (listener, place) = listening().await;
        let run = run();
        let login = pending::<Result<(), Failure>>();
        assert!(
            timeout(TIMEOUT, connect(&run, &place, login))
                .await
                .is_err()
        );
        assert_eq!(run.last_phase(), Some(Phase::Handshake));
        assert!(listener.accept().await.is_ok());
        assert!(
            timeout(TIMEOUT, listener.accept()).await.is_err(),
            "one is enough"
        );
        let laps = run.take().laps;
        let tcp = laps[1].ended.unwrap() - laps[1].began;
        assert!(
            tcp < TIMEOUT / 2,
            "connect took only what the witness's did: {laps:?}"
        );
    }

    /// Scenario: a login that never ends, where nobody listens. Guarantees: the run stays in the phase of connecting.
    #[tokio::test]
    async fn a_login_that_hangs_before_tcp_is_in_connect() {
        let (listener, place) = listening().await;
        drop(listener);
        let run = run();
        let login = pending::<Result<(), Failure>>();
        assert!(
            timeout(TIMEOUT, connect(&run, &place, login))
                .await
                .is_err()
        );
        assert_eq!(run.last_phase(), Some(Phase::Connect));
    }

    /// Scenario: a name without an address, and a socket that is not there. Guarantees: the login is not even tried, and the
    /// reasons are resolve and refused.
    #[tokio::test]
    async fn places_that_are_not_there_are_told_before_the_login() {
        let nowhere = Place::Tcp {
            host: "nowhere.invalid".to_owned(),
            port: 1,
        };
        let none = Place::Socket("/nonexistent/.s.PGSQL.5432".into());
        for (place, reason) in [(nowhere, Reason::Resolve), (none, Reason::Refused)] {
            let login = async { panic!("tried") };
            let failed: Result<(), Failure> = connect(&run(), &place, login).await;
            assert_eq!(failed.unwrap_err().reason, reason);
        }
    }

    /// Scenario: both kinds of places. Guarantees: their attributes are those of the semantic conventions.
    #[test]
    fn places_have_attributes() {
        let tcp = Place::Tcp {
            host: "db".to_owned(),
            port: 5432,
        };
        let socket = Place::Socket("/run/db".into());
        assert_eq!(tcp.attributes().len(), 2);
        let address = KeyValue::new(names::SERVER_ADDRESS, "/run/db");
        assert_eq!(socket.attributes(), [address]);
    }
}
