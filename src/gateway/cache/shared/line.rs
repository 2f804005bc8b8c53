//! The one connection to the shared server: kept open in the background, given up when it does not answer.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::server::{Server, Unreachable, answers};
use crate::gateway::cache::stats::LayerStats;
use crate::resilience::Backoff;

/// How long to connect and log in may take.
const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// Waits between attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A connection that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(30);

/// After so many questions in a row without an answer in time the connection is taken for dead.
const MAX_TIMEOUTS: u32 = 5;

/// The connection, while there is one.
#[derive(Default)]
pub(super) struct Line {
    connection: Mutex<Option<MultiplexedConnection>>,
    timeouts: AtomicU32,
    /// The connection is to be given up.
    given_up: Notify,
    /// There is a connection again.
    pub(super) opened: Notify,
    /// What is wrong, as it was logged.
    trouble: Mutex<Option<String>>,
    stats: Arc<LayerStats>,
}

impl Line {
    /// No connection yet.
    pub(super) fn new(stats: Arc<LayerStats>) -> Line {
        stats.is_up(false);
        Line {
            stats,
            ..Line::default()
        }
    }

    /// The connection, while there is one.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        lock(&self.connection).clone()
    }

    /// The server answered in time.
    pub(super) fn answered(&self) {
        self.timeouts.store(0, Relaxed);
    }

    /// The server did not answer in time.
    pub(super) fn timed_out(&self) {
        if self.timeouts.fetch_add(1, Relaxed) + 1 >= MAX_TIMEOUTS {
            // Meant for this connection: no permit waits for the next.
            self.given_up.notify_waiters();
        }
    }

    /// Keeps a connection to `server` open as long as it is polled. One that answers a question within `limit` is used.
    pub(super) async fn keep_open(&self, server: &Server, limit: Duration) {
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let why = self.one_connection(server, limit).await;
            *lock(&self.connection) = None;
            self.stats.is_up(false);
            self.says(Some(why.to_string()), server);
            failures = match began.elapsed() > LASTING {
                true => 1,
                false => failures.saturating_add(1),
            };
            sleep(backoff.wait(failures, fastrand::f64())).await;
        }
    }

    /// From the attempt to connect to the end of the connection.
    async fn one_connection(&self, server: &Server, limit: Duration) -> Unreachable {
        let login = server.login();
        let opening = timeout(OPEN_WITHIN, server.open(&login));
        let (mut connection, driver) = match opening.await {
            Ok(Ok(opened)) => opened,
            Ok(Err(unreachable)) => return unreachable,
            Err(_) => return Unreachable::Slow(OPEN_WITHIN),
        };
        let mut driver = pin!(driver);
        tokio::select! {
            () = &mut driver => return Unreachable::Closed,
            answered = answers(&mut connection, limit) => {
                if let Err(unreachable) = answered {
                    return unreachable;
                }
            }
        }
        self.timeouts.store(0, Relaxed);
        *lock(&self.connection) = Some(connection);
        self.stats.is_up(true);
        self.says(None, server);
        self.opened.notify_one();
        tokio::select! {
            () = driver => Unreachable::Closed,
            () = self.given_up.notified() => Unreachable::Slow(limit),
        }
    }

    /// Logs what is wrong when that changes.
    fn says(&self, trouble: Option<String>, server: &Server) {
        let mut last = lock(&self.trouble);
        if *last == trouble {
            return;
        }
        let server = server.shown();
        match &trouble {
            Some(reason) => {
                warn!(%server, %reason, "the shared cache cannot be used: answers are kept in memory alone until it can");
            }
            None => info!(%server, "the shared cache is used"),
        }
        *last = trouble;
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds one value that is replaced as a whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
