//! The sections `memory`, `cpu` and `system` of `/api/health`, in the units the documents promise.

use std::fs;
use std::path::{Path, PathBuf};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    cpus: usize,
    load_average: [f64; 3],
    total_memory: f64,
    free_memory: f64,
    unit: &'static str,
}

impl System {
    /// The machine as it is now, with its name for those who may know it.
    pub(super) fn now(is_named: bool) -> System {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        System {
            platform: std::env::consts::OS,
            arch: arch(std::env::consts::ARCH),
            hostname: is_named.then(|| host_name().unwrap_or_default()),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            load_average: load_average(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
            total_memory: gigabytes(&memory, "MemTotal:"),
            free_memory: gigabytes(&memory, "MemAvailable:"),
            unit: "GB",
        }
    }
}

/// How much memory the process may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryLimit {
    pub(super) bytes: u64,
    /// Whose limit it is.
    pub(super) of: &'static str,
}

impl MemoryLimit {
    /// The smallest limit of the process's cgroup and of those above it, or else what the machine has; `None` where
    /// neither can be told.
    pub(super) fn now() -> Option<MemoryLimit> {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let machine = kibibytes(&meminfo, "MemTotal:").map(|kib| MemoryLimit {
            bytes: (kib * 1024.0) as u64,
            of: "the machine",
        });
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let limits = limit_files(&cgroups).into_iter().filter_map(|file| {
            // Without a limit the file holds `max`, and in version 1 a number beyond any memory.
            fs::read_to_string(file).ok()?.trim().parse().ok()
        });
        let cgroup = limits.min().map(|bytes| MemoryLimit {
            bytes,
            of: "the cgroup",
        });
        let both = cgroup.into_iter().chain(machine);
        both.filter(|limit| limit.bytes > 0)
            .min_by_key(|limit| limit.bytes)
    }
}

/// The files that may hold a limit for a process in these `cgroups` (cgroups(7), `/proc/pid/cgroup`).
fn limit_files(cgroups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (root, name) = match fields.next() {
            Some("") => ("/sys/fs/cgroup", "memory.max"),
            Some(controllers) if controllers.split(',').any(|one| one == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let path = Path::new(fields.next().unwrap_or("/"));
        let inside = path
            .ancestors()
            .filter_map(|one| one.strip_prefix("/").ok());
        files.extend(inside.map(|one| Path::new(root).join(one).join(name)));
    }
    files
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
    let kib = kibibytes(meminfo, name).unwrap_or(0.0);
    (kib / (1024.0 * 1024.0) * 10.0).round() / 10.0
}

fn kibibytes(meminfo: &str, name: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
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

    /// Scenario: `/proc/self/cgroup` of version 2, of version 1 with its many lines, and of neither.
    /// Guarantees: the limit is looked for in the process's group and in every one above it.
    #[test]
    fn limits_are_looked_for_up_to_the_root() {
        let paths = |cgroups| {
            let files = limit_files(cgroups).into_iter();
            files
                .map(|file| file.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            paths("0::/system.slice/lineside.service\n"),
            [
                "/sys/fs/cgroup/system.slice/lineside.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            paths("11:cpu,cpuacct:/a\n4:memory:/a\n1:name=systemd:/a\n"),
            [
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert!(paths("").is_empty());
    }

    /// Scenario: this very machine. Guarantees: there is a limit, and it is above what this process takes.
    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_a_limit() {
        let limit = MemoryLimit::now().unwrap();
        assert!(limit.bytes > process::resident_bytes(), "{limit:?}");
    }
}
