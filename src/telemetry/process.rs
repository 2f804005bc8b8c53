//! Facts about this process from `/proc/self` (proc(5)); zero where a system has no such files.

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// When telemetry first looked at the process; uptime counts from here.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The kernel reports times to user space in this unit on every architecture Rust supports (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds the process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// In user mode, in seconds.
    pub user_s: f64,
    /// In the kernel, in seconds.
    pub system_s: f64,
}

/// Starts the clock of [`uptime`].
pub(super) fn mark_start() {
    LazyLock::force(&STARTED);
}

/// Time since telemetry was first built, which the agent does first thing.
pub fn uptime() -> Duration {
    STARTED.elapsed()
}

/// Resident memory in bytes.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Bytes of address space reserved for data: the heap and what threads may use as stack.
pub fn data_bytes() -> u64 {
    status_bytes("VmData:")
}

/// Resident bytes that belong to no file: the part of the heap and of stacks that is in use.
pub fn anonymous_bytes() -> u64 {
    status_bytes("RssAnon:")
}

/// Threads.
pub fn threads() -> u64 {
    status_field("Threads:").unwrap_or(0)
}

/// Open file descriptors, without the one that this look takes.
pub fn open_files() -> u64 {
    let count = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count());
    count.saturating_sub(1) as u64
}

/// CPU time used since the process started.
pub fn cpu_time() -> CpuTime {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    parse_cpu_time(&stat).unwrap_or_default()
}

/// Fields 14 and 15 of `/proc/self/stat`; the second field may hold spaces and parentheses.
fn parse_cpu_time(stat: &str) -> Option<CpuTime> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some(CpuTime {
        user_s: seconds()?,
        system_s: seconds()?,
    })
}

fn status_bytes(name: &str) -> u64 {
    status_field(name).unwrap_or(0) * 1024
}

fn status_field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a process whose name holds spaces and a parenthesis.
    /// Guarantees: its CPU times are still read from the right fields.
    #[test]
    fn cpu_time_of_an_oddly_named_process() {
        let stat = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 75 0 0 20";
        let expected = CpuTime {
            user_s: 2.5,
            system_s: 0.75,
        };
        assert_eq!(parse_cpu_time(stat), Some(expected));
    }

    /// Scenario: this very process.
    /// Guarantees: memory, threads and files are read and plausible.
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_threads_and_files() {
        assert!(resident_bytes() > 1024 * 1024);
        assert!(threads() >= 1);
        assert!(open_files() >= 3 || open_files() > 0);
    }
}
