//! The disk's own limit: a bare preallocated append, and the flushes that a system caused.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Fallible;
use crate::system::SCRATCH;

const SEGMENT_BYTES: usize = 128 << 20;
const TRIES: usize = 5;
const TRY: Duration = Duration::from_millis(300);

/// What a bare append reached.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Append {
    pub group_bytes: u64,
    pub mb_per_s: f64,
    pub syncs: u64,
    /// Flushes that the device counted meanwhile: equal to `syncs` where its counter can be trusted.
    pub device_flushes: Option<u64>,
}

/// The best of a few short appends: the limit is what the disk can do, not what it did just then.
pub fn best_append(group_bytes: u64) -> Fallible<Append> {
    let mut tries = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        tries.push(append(group_bytes, TRY)?);
    }
    let best = tries
        .into_iter()
        .max_by(|a, b| a.mb_per_s.total_cmp(&b.mb_per_s));
    best.ok_or_else(|| "no append was tried".into())
}

/// Writes groups of `group_bytes` into a file that was written full before, with fdatasync after each.
fn append(group_bytes: u64, during: Duration) -> Fallible<Append> {
    let file = tempfile::tempfile_in(SCRATCH)?;
    preallocate(&file)?;
    let group = vec![0x5a; usize::try_from(group_bytes)?.clamp(1, SEGMENT_BYTES)];
    let flushes_before = device_flushes();
    let started = Instant::now();
    let (mut syncs, mut offset) = (0, 0);
    while started.elapsed() < during {
        if offset + group.len() > SEGMENT_BYTES {
            offset = 0;
        }
        file.write_all_at(&group, offset as u64)?;
        file.sync_data()?;
        offset += group.len();
        syncs += 1;
    }
    let mb_per_s = (syncs * group.len() as u64) as f64 / 1e6 / started.elapsed().as_secs_f64();
    let device_flushes = flushes_before.and_then(|before| Some(device_flushes()? - before));
    Ok(Append {
        group_bytes: group.len() as u64,
        mb_per_s,
        syncs,
        device_flushes,
    })
}

fn preallocate(mut file: &File) -> Fallible<()> {
    let zeros = vec![0; 1 << 20];
    for _ in 0..SEGMENT_BYTES / zeros.len() {
        file.write_all(&zeros)?;
    }
    Ok(file.sync_all()?)
}

/// Flush requests that the device under the scratch directory has completed; `None` where the kernel
/// does not say (file systems without a device of their own, kernels before 5.5).
pub fn device_flushes() -> Option<u64> {
    let stat = fs::read_to_string(device_dir()?.join("stat")).ok()?;
    stat.split_whitespace().nth(15)?.parse().ok()
}

/// The device's directory in `/sys`: a partition's flushes are counted at its disk.
fn device_dir() -> Option<PathBuf> {
    let device = fs::metadata(SCRATCH).ok()?.dev();
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    let dir = Path::new("/sys/dev/block")
        .join(format!("{major}:{minor}"))
        .canonicalize()
        .ok()?;
    match dir.join("partition").exists() {
        true => dir.parent().map(Path::to_path_buf),
        false => Some(dir),
    }
}
