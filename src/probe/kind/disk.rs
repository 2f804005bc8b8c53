//! The room that is left on a file system (statvfs(3)). Nothing is written.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};
use rustix::io::Errno;

use super::Check;
use super::blocking::Blocking;
use crate::config::{ProbeSettings, ProbesSettings};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

const FREE: &str = "lineside.disk.free";
const SIZE: &str = "lineside.disk.size";
const INODES_FREE: &str = "lineside.disk.inodes.free";
const INODES: &str = "lineside.disk.inodes";

/// Looks at the file system on which a path lies.
#[derive(Debug)]
pub(super) struct DiskCheck {
    path: PathBuf,
    /// A smaller free share is a warning.
    warn_share: f64,
    fail: Limit,
    /// Whether it is the agent's own disk, which must be written to.
    is_own: bool,
    blocking: Blocking,
}

/// Less is a failure.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// The free share, of bytes and of inodes.
    Share(f64),
    /// Free bytes. Of inodes, one must be left.
    Bytes(u64),
}

/// What a file system has room for, and how much of that is left to users other than root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    free_bytes: u64,
    size_bytes: u64,
    /// 0, as `inodes`, where the file system makes inodes as it needs them.
    inodes_free: u64,
    inodes: u64,
    is_read_only: bool,
}

impl DiskCheck {
    /// The check that `settings` ask for.
    pub(super) fn new(settings: &ProbeSettings) -> DiskCheck {
        let asked = settings.disk.clone().unwrap_or_default();
        DiskCheck {
            path: settings.url.path().into(),
            warn_share: asked.warn_free,
            fail: Limit::Share(asked.fail_free),
            is_own: false,
            blocking: Blocking::default(),
        }
    }

    /// The check of the disk under the agent's `data_dir`. Whether it can be written there, the journal knows.
    pub(super) fn own(data_dir: &Path, settings: &ProbesSettings) -> DiskCheck {
        DiskCheck {
            path: data_dir.to_owned(),
            warn_share: settings.disk_warn_free,
            fail: Limit::Bytes(settings.disk_fail_free.bytes()),
            is_own: true,
            blocking: Blocking::default(),
        }
    }

    fn told(&self, run: &Run, room: &Room) {
        let path = self.path.to_string_lossy();
        let numbers = [
            (FREE, "free_bytes", room.free_bytes),
            (SIZE, "size_bytes", room.size_bytes),
            (INODES_FREE, "inodes_free", room.inodes_free),
            (INODES, "inodes", room.inodes),
        ];
        for (metric, fact, number) in numbers {
            run.fact(fact, number);
            run.reading(metric, &[("path", &path)], number as f64);
        }
    }

    fn judge(&self, run: &Run, room: &Room) -> Result<(), Failure> {
        if room.is_read_only {
            let message = "the file system is mounted read-only: nothing can be written to it";
            match self.is_own {
                true => return Err(Failure::new(Reason::Permission, message)),
                false => run.warn(format!("{message}. Look in the kernel's log for why")),
            }
        }
        let (bytes_fail, inodes_fail) = match self.fail {
            Limit::Share(least) => (
                is_less(room.free_bytes, room.size_bytes, least),
                is_less(room.inodes_free, room.inodes, least),
            ),
            Limit::Bytes(least) => (
                room.size_bytes > 0 && room.free_bytes < least,
                room.inodes > 0 && room.inodes_free == 0,
            ),
        };
        let bytes_warn = is_less(room.free_bytes, room.size_bytes, self.warn_share);
        let inodes_warn = is_less(room.inodes_free, room.inodes, self.warn_share);
        weigh(run, bytes_fail, bytes_warn, || room.bytes_told())?;
        weigh(run, inodes_fail, inodes_warn, || room.inodes_told())
    }
}

/// A failure, a warning, or nothing.
fn weigh(
    run: &Run,
    fails: bool,
    warns: bool,
    sentence: impl Fn() -> String,
) -> Result<(), Failure> {
    match (fails, warns) {
        (true, _) => Err(Failure::new(Reason::Space, sentence())),
        (false, true) => {
            run.warn(format!("{}: make room before it runs out", sentence()));
            Ok(())
        }
        (false, false) => Ok(()),
    }
}

/// Whether `free` is a smaller share of `all` than `least`. Of nothing, nothing can be missing.
fn is_less(free: u64, all: u64, least: f64) -> bool {
    all > 0 && (free as f64) < least * all as f64
}

impl Room {
    fn of(vfs: &StatVfs) -> Room {
        Room {
            free_bytes: vfs.f_bavail.saturating_mul(vfs.f_frsize),
            size_bytes: vfs.f_blocks.saturating_mul(vfs.f_frsize),
            inodes_free: vfs.f_favail,
            inodes: vfs.f_files,
            is_read_only: vfs.f_flag.contains(StatVfsMountFlags::RDONLY),
        }
    }

    fn bytes_told(&self) -> String {
        let (free, size) = (readable(self.free_bytes), readable(self.size_bytes));
        let percent = percent(self.free_bytes, self.size_bytes);
        format!("{free} of {size} are free ({percent} %)")
    }

    fn inodes_told(&self) -> String {
        let Room {
            inodes_free,
            inodes,
            ..
        } = self;
        let percent = percent(*inodes_free, *inodes);
        format!("{inodes_free} of {inodes} inodes are free ({percent} %)")
    }
}

fn percent(free: u64, all: u64) -> String {
    format!("{:.1}", 100.0 * free as f64 / all as f64)
}

/// Bytes in the largest unit of which there is one at least.
fn readable(bytes: u64) -> String {
    const UNITS: [(&str, f64); 4] = [
        ("TiB", (1_u64 << 40) as f64),
        ("GiB", (1_u64 << 30) as f64),
        ("MiB", (1_u64 << 20) as f64),
        ("KiB", (1_u64 << 10) as f64),
    ];
    let count = bytes as f64;
    let unit = UNITS.into_iter().find(|(_, size)| count >= *size);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(name, size)| format!("{:.1} {name}", count / size),
    )
}

fn failure(error: Errno) -> Failure {
    let (reason, what) = match error {
        Errno::NOENT | Errno::NOTDIR => (Reason::Missing, "there is no such path"),
        Errno::ACCESS | Errno::PERM => (Reason::Permission, "the path may not be looked at"),
        Errno::STALE | Errno::NOTCONN | Errno::HOSTDOWN => {
            (Reason::Unavailable, "the file system has lost its server")
        }
        _ => (Reason::Query, "the file system did not answer"),
    };
    Failure::new(reason, format!("{what} ({})", std::io::Error::from(error)))
}

#[async_trait]
impl Check for DiskCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        let path = self.path.to_string_lossy().into_owned();
        vec![KeyValue::new(names::FILE_PATH, path)]
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::gauge(
                FREE,
                "By",
                "Bytes that users other than root may still write.",
            ),
            Metric::gauge(SIZE, "By", "Bytes that the file system has room for."),
            Metric::gauge(INODES_FREE, "{inode}", "Files that may still be made."),
            Metric::gauge(
                INODES,
                "{inode}",
                "Files that the file system has room for; 0 where it has no limit.",
            ),
        ]
    }

    fn is_call(&self) -> bool {
        !self.is_own
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let path = self.path.clone();
        let look = move || statvfs(&path).map_err(failure);
        let vfs = run.phase(Phase::Look, self.blocking.run(look)).await?;
        let room = Room::of(&vfs);
        self.told(run, &room);
        self.judge(run, &room)
    }
}

#[cfg(test)]
mod tests;
