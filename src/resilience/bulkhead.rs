//! A bulkhead: at most so many calls at the same time, so that one slow service does not take every place.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Places for calls to one service (Nygard, "Release It!"). Clones are the same bulkhead. Who waits gets a place in the order of
/// asking.
#[derive(Clone, Debug)]
pub struct Bulkhead {
    places: usize,
    free: Arc<Semaphore>,
}

/// One place. Dropping it makes it free.
#[must_use = "the place is free again once this is dropped"]
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// All places were taken for as long as one was willing to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {places} places are taken")]
pub struct Full {
    /// How many there are.
    pub places: usize,
}

impl Bulkhead {
    /// A bulkhead with so many places, at least one.
    pub fn new(places: usize) -> Bulkhead {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Bulkhead {
            places,
            free: Arc::new(Semaphore::new(places)),
        }
    }

    /// Takes a place, and waits for one no longer than `wait`; with zero, not at all. Who gives up waiting takes nothing.
    ///
    /// # Errors
    /// All places are taken.
    pub async fn enter(&self, wait: Duration) -> Result<Place, Full> {
        let full = Full {
            places: self.places,
        };
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if wait.is_zero() => return Err(full),
            Err(_) => {
                let turn = timeout(wait, Arc::clone(&self.free).acquire_owned());
                // The semaphore is never closed.
                turn.await.ok().and_then(Result::ok).ok_or(full)?
            }
        };
        Ok(Place { _permit: permit })
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.places
    }

    /// How many are taken.
    pub fn in_use(&self) -> usize {
        self.places.saturating_sub(self.free.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const WAIT: Duration = Duration::from_secs(2);

    /// Scenario: more callers than places, none of them willing to wait. Guarantees: as many enter as there are places, the
    /// next is told at once how many those are, and a place that is given back is taken by the next.
    #[tokio::test(start_paused = true)]
    async fn it_is_full_when_all_places_are_taken() {
        let bulkhead = Bulkhead::new(2);
        let first = bulkhead.enter(Duration::ZERO).await.unwrap();
        let _second = bulkhead.clone().enter(Duration::ZERO).await.unwrap();
        assert_eq!((bulkhead.in_use(), bulkhead.places()), (2, 2));
        let full = bulkhead.enter(Duration::ZERO).await.unwrap_err();
        assert_eq!(full, Full { places: 2 });
        assert_eq!(full.to_string(), "all 2 places are taken");
        drop(first);
        assert_eq!(bulkhead.in_use(), 1);
        assert!(bulkhead.enter(Duration::ZERO).await.is_ok());
    }

    /// Scenario: a caller waits; once nobody leaves, once somebody does. Guarantees: it is refused exactly when its time is
    /// over, and enters as soon as there is a place.
    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_a_place_or_with_the_time() {
        let bulkhead = Bulkhead::new(1);
        let place = bulkhead.enter(Duration::ZERO).await.unwrap();
        let asked = Instant::now();
        assert!(bulkhead.enter(WAIT).await.is_err());
        assert_eq!(asked.elapsed(), WAIT);
        let leave = async {
            tokio::time::advance(WAIT / 2).await;
            drop(place);
        };
        let (entered, ()) = tokio::join!(bulkhead.enter(WAIT), leave);
        assert!(entered.is_ok());
        assert_eq!(asked.elapsed(), WAIT + WAIT / 2);
    }

    /// Scenario: a caller that waits goes away. Guarantees: it takes no place with it.
    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_nothing() {
        let bulkhead = Bulkhead::new(1);
        let place = bulkhead.enter(Duration::ZERO).await.unwrap();
        let gone = tokio::time::timeout(WAIT / 2, bulkhead.enter(WAIT)).await;
        assert!(gone.is_err());
        drop(place);
        assert_eq!(bulkhead.in_use(), 0);
        assert!(bulkhead.enter(Duration::ZERO).await.is_ok());
    }

    /// Scenario: no places at all, and more than there can be. Guarantees: there is at least one, and no panic.
    #[tokio::test]
    async fn it_has_at_least_one_place() {
        assert_eq!(Bulkhead::new(0).places(), 1);
        assert!(
            Bulkhead::new(usize::MAX)
                .enter(Duration::ZERO)
                .await
                .is_ok()
        );
    }
}
