//! Names for those who hold keys.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::host_name;

/// Makes owners: host, process, a random number for this start, and one that counts.
#[derive(Debug)]
pub(super) struct Owners {
    agent: String,
    next: AtomicU64,
}

impl Owners {
    pub(super) fn new() -> Owners {
        let host = host_name().unwrap_or_default();
        let (process, start) = (process::id(), fastrand::u64(..));
        Owners {
            agent: format!("{host}/{process}/{start:016x}"),
            next: AtomicU64::new(1),
        }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}/{number}", self.agent)
    }
}
