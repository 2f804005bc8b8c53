//! Requests for the same thing at the same time: one goes to the upstream, the others wait for what it brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::key::CacheKey;

/// What came of the request that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// Its answer is kept.
    Kept,
    /// Its answer is for itself alone.
    NotKept,
    /// The upstream failed: the next may go.
    Failed,
    /// Its caller went away: the next may go, and nothing is known of the upstream.
    Gone,
}

/// Which requests are under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<CacheKey, Flight>>,
}

#[derive(Debug)]
struct Flight {
    /// The state of the key when it began: see `Epochs`.
    epoch: u64,
    landing: watch::Receiver<Option<Landing>>,
}

/// What a request does about the others.
#[derive(Debug)]
pub(super) enum Seat {
    /// It goes, and the others wait for it.
    Lead(Lead),
    /// It waits.
    Wait(Waiting),
    /// It goes by itself: what is under way began before a change that this request must see.
    Alone,
}

/// The request that goes. Dropped without a word, its caller is gone.
#[derive(Debug)]
pub(super) struct Lead {
    key: CacheKey,
    flights: Arc<Flights>,
    landing: watch::Sender<Option<Landing>>,
    is_over: bool,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting(watch::Receiver<Option<Landing>>);

impl Flights {
    /// Takes a seat for `key`, whose state is `epoch`.
    pub(super) fn join(self: &Arc<Flights>, key: &CacheKey, epoch: u64) -> Seat {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.get(key) {
            return match flight.epoch == epoch {
                true => Seat::Wait(Waiting(flight.landing.clone())),
                false => Seat::Alone,
            };
        }
        let (sender, landing) = watch::channel(None);
        under_way.insert(key.clone(), Flight { epoch, landing });
        Seat::Lead(Lead {
            key: key.clone(),
            flights: Arc::clone(self),
            landing: sender,
            is_over: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CacheKey, Flight>> {
        // A map is whole even if a thread died while holding it.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Tells those who wait. What is kept must be there to be found by then.
    pub(super) fn land(mut self, landing: Landing) {
        self.end(landing);
    }

    fn end(&mut self, landing: Landing) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.flights.lock().remove(&self.key);
            self.landing.send_replace(Some(landing));
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.end(Landing::Gone);
    }
}

impl Waiting {
    /// What came of the request that went.
    pub(super) async fn landing(mut self) -> Landing {
        match self.0.wait_for(Option::is_some).await {
            Ok(landing) => landing.unwrap_or(Landing::Gone),
            Err(_) => Landing::Gone,
        }
    }
}
