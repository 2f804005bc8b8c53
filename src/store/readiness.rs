//! Whether the database can be used yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::connect::StoreOptions;
use super::error::StoreError;
use super::migrate;

/// How often a database that could not be reached at the start is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Whether the database has the tables that this binary needs; if not, why.
#[derive(Clone, Debug)]
pub(super) struct Readiness(Arc<Mutex<Result<(), StoreError>>>);

impl Readiness {
    /// Migrates the database, or verifies that it is up to date. One that is away is tried again until `closing`; meanwhile nothing can be
    /// asked of it.
    ///
    /// # Errors
    ///
    /// What does not go away by itself.
    pub(super) async fn prepare(
        options: &StoreOptions,
        closing: &CancellationToken,
    ) -> Result<Readiness, StoreError> {
        let prepared = prepare(options).await;
        match &prepared {
            Err(error) if !error.is_passing() => return Err(error.clone()),
            Err(error) => {
                warn!("{error}; requests with an idempotency key are refused until it answers");
            }
            Ok(()) => {}
        }
        let is_ready = prepared.is_ok();
        let readiness = Readiness(Arc::new(Mutex::new(prepared)));
        if !is_ready {
            let trying = readiness.clone().try_again(options.clone());
            tokio::spawn(closing.clone().run_until_cancelled_owned(trying));
        }
        Ok(readiness)
    }

    /// # Errors
    ///
    /// Why the database cannot be used.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, prepared: Result<(), StoreError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = prepared;
    }

    async fn try_again(self, options: StoreOptions) {
        loop {
            sleep(TRY_AGAIN).await;
            let prepared = prepare(&options).await;
            let before = self.check();
            self.set(prepared.clone());
            match (prepared, before) {
                (Ok(()), _) => {
                    info!(store = options.place, "the store answers");
                    return;
                }
                (Err(error), Err(before)) if error == before => {}
                (Err(error), _) => warn!("{error}"),
            }
        }
    }
}

async fn prepare(options: &StoreOptions) -> Result<(), StoreError> {
    if !options.migrate {
        return migrate::verify(options).await;
    }
    if let Some(batch) = migrate::migrate(options).await? {
        let (store, number) = (&options.place, batch.number);
        info!(store, batch = number, versions = ?batch.versions, "the store is migrated");
    }
    Ok(())
}
