//! Logins that are brought to their end, even when nobody waits for them any more.
//!
//! A server counts each handshake that its client breaks off against the client's host, and shuts out the whole host,
//! applications and all, after `max_connect_errors` (100) of them without a login in between. A server that is frozen, or
//! takes longer for a login than a run may, would get there by being watched. So a login that has reached the server goes on
//! when its run is cut off, is closed in order when it succeeds, and the runs that follow wait for it instead of beginning
//! another one. Since a server that was replaced behind its address never answers an old connection, they do so for a
//! limited time, which doubles with each login that did not end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::codes::login_failure;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::sql::{Place, connect};
use crate::probe::run::Run;

/// How long the first login that does not end is waited for, by all runs together.
const FIRST_PATIENCE: Duration = Duration::from_secs(30);

/// With one login every ten minutes, each with its witness, a server that hangs counts 12 an hour.
const MAX_PATIENCE: Duration = Duration::from_secs(600);

/// A login under way.
struct Login {
    ends: AbortOnDropHandle<()>,
    began: Instant,
    patience: Duration,
}

impl Login {
    /// Begins a login. Who takes the answer has the connection; without a taker it is closed.
    fn begin(
        options: MySqlConnectOptions,
        patience: Duration,
    ) -> (
        Login,
        oneshot::Receiver<Result<MySqlConnection, sqlx::Error>>,
    ) {
        let (answer, answered) = oneshot::channel();
        let logging_in = tokio::spawn(async move {
            let connected = options.connect().await;
            if let Err(Ok(unwanted)) = answer.send(connected) {
                let _ = unwanted.close().await;
            }
        });
        let login = Login {
            ends: AbortOnDropHandle::new(logging_in),
            began: Instant::now(),
            patience,
        };
        (login, answered)
    }

    fn is_overdue(&self) -> bool {
        self.began.elapsed() >= self.patience
    }
}

/// The logins of one probe: at most one at a time.
#[derive(Default)]
pub(super) struct Logins {
    unfinished: Mutex<Option<Login>>,
}

impl Logins {
    /// A connection that this run made.
    ///
    /// # Errors
    ///
    /// Those of resolving, connecting and logging in.
    pub(super) async fn log_in(
        &self,
        run: &Run,
        place: &Place,
        options: &MySqlConnectOptions,
    ) -> Result<MySqlConnection, Failure> {
        let patience = self.await_unfinished(run).await;
        connect(run, place, async {
            let (login, answered) = Login::begin(options.clone(), patience);
            let mut held = Held::new(self, run, login);
            let answer = answered.await;
            held.login = None;
            match answer {
                Ok(connected) => connected.map_err(|error| login_failure(run, error)),
                Err(_) => Err(Failure::new(
                    Reason::Internal,
                    "the login ended without an answer",
                )),
            }
        })
        .await
    }

    /// Waits for the login of an earlier run, where there is one that may still end: how long to be patient with the next.
    async fn await_unfinished(&self, run: &Run) -> Duration {
        let unfinished = self.slot().take();
        match unfinished {
            None => FIRST_PATIENCE,
            Some(login) if login.ends.is_finished() => FIRST_PATIENCE,
            Some(login) if login.is_overdue() => (login.patience * 2).min(MAX_PATIENCE),
            Some(login) => {
                let mut held = Held::new(self, run, login);
                run.phase(Phase::Handshake, held.ended()).await;
                FIRST_PATIENCE
            }
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Login>> {
        let unfinished = self.unfinished.lock();
        unfinished.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login that a run waits for. When the run is cut off in the handshake, the login is put back for the next.
struct Held<'a> {
    logins: &'a Logins,
    run: &'a Run,
    login: Option<Login>,
}

impl<'a> Held<'a> {
    fn new(logins: &'a Logins, run: &'a Run, login: Login) -> Held<'a> {
        Held {
            logins,
            run,
            login: Some(login),
        }
    }

    /// Waits until the login has ended, however it did.
    async fn ended(&mut self) {
        if let Some(login) = &mut self.login {
            let _ = (&mut login.ends).await;
        }
        self.login = None;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Before the handshake, the server knows nothing of it.
        if self.run.last_phase() != Some(Phase::Handshake) {
            return;
        }
        if let Some(login) = self.login.take() {
            *self.logins.slot() = Some(login);
        }
    }
}
