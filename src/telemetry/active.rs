//! Things that begin and end (requests, connections): counted in an atomic, read when asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// An observable up-down counter with one atomic for each attribute set.
///
/// The sets come from routes and listeners, which the configuration bounds. Cloning shares the table.
#[derive(Clone)]
pub(super) struct ActiveTable(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    attributes: Vec<KeyValue>,
    active: Active,
}

impl ActiveTable {
    pub(super) fn new(
        meter: &Meter,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> ActiveTable {
        let table = ActiveTable(Arc::default());
        let entries = Arc::clone(&table.0);
        meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |observer| {
                for entry in lock(&entries).iter() {
                    observer.observe(entry.active.now(), &entry.attributes);
                }
            })
            .build();
        table
    }

    /// The counter of `attributes`, made at the first call.
    pub(super) fn entry(&self, attributes: &[KeyValue]) -> Active {
        let mut entries = lock(&self.0);
        if let Some(entry) = entries.iter().find(|entry| entry.attributes == attributes) {
            return entry.active.clone();
        }
        let active = Active::default();
        entries.push(Entry {
            attributes: attributes.to_vec(),
            active: active.clone(),
        });
        active
    }
}

fn lock(entries: &Mutex<Vec<Entry>>) -> std::sync::MutexGuard<'_, Vec<Entry>> {
    // A list that only grows is whole even if a thread died while holding it.
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many of one kind are open now.
#[derive(Clone, Debug, Default)]
pub struct Active(Arc<AtomicI64>);

impl Active {
    /// Counts one more until the guard is dropped.
    pub fn enter(&self) -> ActiveGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        ActiveGuard(Arc::clone(&self.0))
    }

    /// The number open now.
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts one until dropped.
#[must_use = "dropping the guard ends what it counts"]
pub struct ActiveGuard(Arc<AtomicI64>);

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
