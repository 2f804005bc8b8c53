//! The sections `memory`, `cpu` and `system` of `/api/health`, in the units the documents promise.

use std::fs;
use std::thread;

use serde::Serialize;

use crate::telemetry::{host_name, process};

/// Memory of the process in MB of 2²⁰ bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    rss: u64,
    /// Address space reserved for data. The documents come from a runtime with a heap of its own.
    heap_total: u64,
    /// Resident memory that belongs to no file.
    heap_used: u64,
    unit: &'static str,
}

impl Memory {
    pub(super) fn now() -> Memory {
        Memory {
            rss: megabytes(process::resident_bytes()),
            heap_total: megabytes(process::data_bytes()),
            heap_used: megabytes(process::anonymous_bytes()),
            unit: "MB",
        }
    }
}

/// CPU time of the process in milliseconds.
#[derive(Serialize)]
pub(super) struct Cpu {
    user: u64,
    system: u64,
    unit: &'static str,
}

impl Cpu {
    pub(super) fn now() -> Cpu {
        let cpu = process::cpu_time();
        Cpu {
            user: milliseconds(cpu.user_s),
            system: milliseconds(cpu.system_s),
            unit: "ms",
        }
    }
}

/// The machine; memory in GB of 2³⁰ bytes with one decimal.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct System {
    platform: &'static str,
    arch: &'static str,
    hostname: String,
    cpus: usize,
    load_average: [f64; 3],
    total_memory: f64,
    free_memory: f64,
    unit: &'static str,
}

impl System {
    pub(super) fn now() -> System {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        System {
            platform: std::env::consts::OS,
            arch: arch(std::env::consts::ARCH),
            hostname: host_name().unwrap_or_default(),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            load_average: load_average(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
            total_memory: gigabytes(&memory, "MemTotal:"),
            free_memory: gigabytes(&memory, "MemAvailable:"),
            unit: "GB",
        }
    }
}

/// The short names that the documents use for the common architectures.
fn arch(name: &'static str) -> &'static str {
    match name {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn load_average(text: &str) -> [f64; 3] {
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|number| number.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}

fn gigabytes(meminfo: &str, name: &str) -> f64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    (kib.unwrap_or(0.0) / (1024.0 * 1024.0) * 10.0).round() / 10.0
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the kernel's files as they look on a real machine, and empty ones.
    /// Guarantees: load and memory are read right, and zero where nothing can be read.
    #[test]
    fn kernel_files_are_read() {
        assert_eq!(
            load_average("0.52 0.58 1.59 3/467 12345\n"),
            [0.52, 0.58, 1.59]
        );
        assert_eq!(load_average(""), [0.0; 3]);
        let meminfo = "MemTotal:       32768000 kB\nMemFree: 1 kB\nMemAvailable:    22020096 kB\n";
        assert_eq!(gigabytes(meminfo, "MemTotal:"), 31.3);
        assert_eq!(gigabytes(meminfo, "MemAvailable:"), 21.0);
        assert_eq!(gigabytes("", "MemTotal:"), 0.0);
    }
}
