//! The response cache: answers that may be kept are kept, in memory (L1) and in a Redis or Valkey that agents share (L2), as RFC 9111 says.
//!
//! A request goes through [`CacheStage::call`]. What is kept answers it, if it is fresh; if not, one request for it goes to the upstream and the
//! others wait for what it brings. `Cache-Status` (RFC 9211) says what happened. Kept are answers to GET alone; they answer HEAD as well.
//!
//! Nobody gets what was meant for another: a request that shows who asks (`Authorization`, `Cookie`, or a header by which the route tells
//! callers apart) shares answers only where they say that they are public (RFC 9111, section 3.5), and answers that set a cookie are not kept.

mod directives;
mod distribution;
mod entry;
mod epochs;
mod fill;
mod flights;
mod invalidation;
mod keeping;
mod key;
mod look;
mod memory;
mod precondition;
mod rules;
mod shared;
mod stage;
mod stats;
mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use epochs::Epochs;
use flights::Flights;
use memory::Memory;
use shared::Shared;
use stats::LayerStats;

use crate::config::{CacheSettings, RouteSettings};
use crate::telemetry::CacheReading;

pub(crate) use stage::CacheStage;

/// The names of the layers.
const L1: &str = "L1";
const L2: &str = "L2";

/// What all routes keep answers in.
pub struct Cache {
    memory: Memory,
    shared: Option<Shared>,
    flights: Arc<Flights>,
    epochs: Epochs,
    memory_stats: Arc<LayerStats>,
    shared_stats: Arc<LayerStats>,
    clock: fn() -> SystemTime,
}

impl Cache {
    /// An empty cache for answers whose bodies have at most `largest_body` bytes. With a shared layer it begins to connect: call it in a runtime.
    ///
    /// # Errors
    /// Says what of the settings could not be used.
    pub fn start(
        settings: &CacheSettings,
        largest_body: u64,
    ) -> Result<Arc<Cache>, Box<dyn Error>> {
        let (memory_stats, shared_stats) = (Arc::default(), Arc::<LayerStats>::default());
        let limit = settings.memory.bytes();
        let shared = match &settings.url {
            Some(url) => Some(Shared::start(url, settings, Arc::clone(&shared_stats))?),
            None => None,
        };
        Ok(Arc::new(Cache {
            memory: Memory::new(limit, largest_body, Arc::clone(&memory_stats)),
            shared,
            flights: Arc::default(),
            epochs: Epochs::default(),
            memory_stats,
            shared_stats,
            clock: SystemTime::now,
        }))
    }

    /// The time, from which ages are counted.
    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// The stage of the route called `name`; `None` where it keeps no answers.
    pub fn stage(self: &Arc<Cache>, name: &str, route: &RouteSettings) -> Option<CacheStage> {
        let settings = route.cache.as_ref()?;
        Some(CacheStage::new(Arc::clone(self), name, route, settings))
    }

    /// What each layer did since the start, in their order.
    pub fn read(&self) -> Vec<CacheReading> {
        let mut first = self.memory_stats.read(L1);
        first.memory = Some(self.memory.memory());
        let second = self.shared.as_ref().map(|_| self.shared_stats.read(L2));
        [first].into_iter().chain(second).collect()
    }
}
