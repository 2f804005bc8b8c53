//! One reading for all instruments of a collection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// One reading that all instruments of a collection share, so that their values agree.
///
/// The SDK calls the callbacks of one collection one after the other in the order of their
/// registration; the first one reads, the others use what it read.
pub(in crate::telemetry) struct Shared<T> {
    read: Box<dyn Fn() -> T + Send + Sync>,
    last: Mutex<Arc<T>>,
}

impl<T: Default> Shared<T> {
    pub(in crate::telemetry) fn new(
        read: impl Fn() -> T + Send + Sync + 'static,
    ) -> Arc<Shared<T>> {
        Arc::new(Shared {
            read: Box::new(read),
            last: Mutex::default(),
        })
    }

    /// Reads anew. A room that panics when read keeps its last values: a panic inside a callback
    /// would otherwise end every later scrape and the thread that exports metrics.
    pub(in crate::telemetry) fn fresh(&self) -> Arc<T> {
        let Ok(reading) = catch_unwind(AssertUnwindSafe(&self.read)) else {
            return self.same();
        };
        let reading = Arc::new(reading);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&reading);
        reading
    }

    /// What was read last.
    pub(in crate::telemetry) fn same(&self) -> Arc<T> {
        Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicU64, Ordering};

    /// Scenario: a room that can be read once and panics from then on.
    /// Guarantees: its first reading is shown again and nothing else breaks.
    #[test]
    fn a_room_that_panics_keeps_its_last_reading() {
        let reads = AtomicU64::new(1);
        let shared = Shared::new(move || {
            let read = reads.fetch_add(1, Ordering::Relaxed);
            assert_eq!(read, 1, "broken on purpose");
            read
        });
        assert_eq!(
            (*shared.same(), *shared.fresh(), *shared.fresh()),
            (0, 1, 1)
        );
    }
}
