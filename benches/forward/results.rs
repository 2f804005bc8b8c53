//! What was measured: a row for each scenario and system.

use serde::Serialize;

use crate::Fallible;
use crate::disk::Append;
use crate::measure::IN_FLIGHT;
use crate::order::{LoadSeen, SinkSeen};
use crate::scenario::{Scenario, System};
use crate::scrape::Scrapes;

/// What was measured of one system in one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub scenario: Scenario,
    pub system: System,
    /// The numbers, or why there are none.
    pub outcome: Result<Numbers, String>,
}

/// The numbers of a row.
#[derive(Clone, Debug, Serialize)]
pub enum Numbers {
    Load(Box<LoadNumbers>),
    Idle { cpu_percent: f64, rss_mib: f64 },
    Start { median_ms: f64, worst_ms: f64 },
    Hold(Held),
}

/// Resident sets of an agent without series, with these, and after a scrape of them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Held {
    pub series: u64,
    pub empty_mib: f64,
    pub held_mib: f64,
    pub scraped_mib: f64,
}

impl Held {
    /// What a series takes of a resident set.
    pub fn bytes_per_series(&self, rss_mib: f64) -> f64 {
        (rss_mib - self.empty_mib) * f64::from(1 << 20) / self.series as f64
    }
}

/// What a load scenario showed. CPU time and arrivals are those between the first measured request
/// and the moment at which everything accepted had arrived, or the window's end where that is not
/// awaited.
#[derive(Clone, Debug, Serialize)]
pub struct LoadNumbers {
    pub sent: LoadSeen,
    pub arrived_items: u64,
    pub arrived: SinkSeen,
    pub cpu_s: f64,
    pub peak_rss_mib: f64,
    /// From the first measured request to the last arrival, or the window's length.
    pub elapsed_s: f64,
    /// Items accepted while warming up that had not arrived when the window began.
    pub waiting_before: u64,
    /// Bytes that the system wrote to disk in the window.
    pub written_bytes: u64,
    pub load_cpu_s: f64,
    pub sink_cpu_s: f64,
    pub device_flushes: Option<u64>,
    pub disk: Option<Append>,
    pub scrapes: Option<Scrapes>,
}

impl LoadNumbers {
    pub fn items_per_s(&self) -> f64 {
        self.arrived_items as f64 / self.elapsed_s
    }

    pub fn cpu_s_per_million(&self) -> f64 {
        self.cpu_s * 1e6 / self.arrived_items.max(1) as f64
    }

    /// Of what was accepted and had not arrived before, the percentage that arrived: more than 100 are
    /// duplicates.
    pub fn arrived_percent(&self) -> f64 {
        self.arrived_items as f64 * 100.0
            / (self.sent.accepted_items + self.waiting_before).max(1) as f64
    }

    /// An error unless at least what was accepted was written to disk, and flushed: a row of a system
    /// that promises it and does not do it would be worth nothing.
    pub fn check_durable(&self) -> Fallible<()> {
        let accepted_bytes = self.sent.accepted_requests as f64 * self.sent.request_bytes;
        if (self.written_bytes as f64) < accepted_bytes || self.device_flushes == Some(0) {
            return Err(format!(
                "told senders success for {:.0} MB, wrote {:.0} MB to disk and caused {:?} flushes",
                accepted_bytes / 1e6,
                self.written_bytes as f64 / 1e6,
                self.device_flushes,
            )
            .into());
        }
        Ok(())
    }

    /// Megabytes of requests that were accepted in a second.
    pub fn accepted_mb_per_s(&self) -> f64 {
        self.sent.accepted_requests as f64 * self.sent.request_bytes / 1e6 / self.sent.elapsed_s
    }

    /// Bytes that went to disk between two flushes; half of what is in flight where flushes are not
    /// counted, since one half gathers while the other is written.
    pub fn group_bytes(&self) -> u64 {
        let requests = match self.device_flushes {
            Some(flushes) if flushes > 0 => self.sent.accepted_requests as f64 / flushes as f64,
            _ => IN_FLIGHT as f64 / 2.0,
        };
        (requests.clamp(1.0, IN_FLIGHT as f64) * self.sent.request_bytes) as u64
    }
}
