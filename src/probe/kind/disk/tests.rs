use std::time::Duration;

use http::HeaderMap;

use super::*;
use crate::config::{ByteSize, DiskProbeSettings, ProbeUrl};

fn probing(path: &str, asked: DiskProbeSettings) -> DiskCheck {
    let mut settings = ProbeSettings::new(ProbeUrl::parse(&format!("disk:{path}")).unwrap());
    settings.disk = Some(asked);
    DiskCheck::new(&settings)
}

fn own(warn_free: f64, fail_free: u64) -> DiskCheck {
    let settings = ProbesSettings {
        disk_warn_free: warn_free,
        disk_fail_free: ByteSize(fail_free),
        ..ProbesSettings::default()
    };
    DiskCheck::own(Path::new("/data"), &settings)
}

fn a_run() -> Run {
    Run::begin(Duration::from_secs(5), HeaderMap::new())
}

const GIB: u64 = 1 << 30;

fn room(free_bytes: u64, inodes_free: u64) -> Room {
    Room {
        free_bytes,
        size_bytes: 100 * GIB,
        inodes_free,
        inodes: 1000,
        is_read_only: false,
    }
}

/// Scenario: file systems with more, less and nothing left of bytes and inodes, without inodes, without a size, and
/// mounted read-only, each judged for a probe and for the agent's own disk.
/// Guarantees: limits are kept to the byte; what has no limit is not judged; a disk that cannot be written to is a failure
/// only for the agent, which has to.
#[test]
fn rooms_are_judged() {
    let nothing = Room {
        free_bytes: 0,
        size_bytes: 0,
        inodes_free: 0,
        inodes: 0,
        is_read_only: false,
    };
    let read_only = Room {
        is_read_only: true,
        ..room(50 * GIB, 500)
    };
    let no_inodes = Room {
        inodes: 0,
        ..room(50 * GIB, 0)
    };
    let cases = [
        (room(10 * GIB, 100), "pass", "pass"),
        (
            room(10 * GIB - 1, 100),
            "warn: 10.0 GiB of 100.0 GiB are free (10.0 %)",
            "warn: 10.0 GiB of 100.0 GiB are free (10.0 %)",
        ),
        (room(2 * GIB, 100), "warn: 2.0 GiB", "warn: 2.0 GiB"),
        (
            room(2 * GIB - 1, 100),
            "fail: 2.0 GiB of 100.0 GiB are free (2.0 %)",
            "warn: 2.0 GiB",
        ),
        (
            room((64 << 20) - 1, 100),
            "fail: 64.0 MiB of 100.0 GiB are free (0.1 %)",
            "fail: 64.0 MiB of 100.0 GiB are free (0.1 %)",
        ),
        (
            room(0, 100),
            "fail: 0 bytes of 100.0 GiB are free (0.0 %)",
            "fail: 0 bytes",
        ),
        (
            room(50 * GIB, 99),
            "warn: 99 of 1000 inodes are free (9.9 %)",
            "warn: 99 of 1000 inodes",
        ),
        (
            room(50 * GIB, 19),
            "fail: 19 of 1000 inodes are free (1.9 %)",
            "warn: 19 of 1000 inodes",
        ),
        (
            room(50 * GIB, 0),
            "fail: 0 of 1000 inodes are free (0.0 %)",
            "fail: 0 of 1000 inodes",
        ),
        (no_inodes, "pass", "pass"),
        (nothing, "pass", "pass"),
        (
            read_only,
            "warn: the file system is mounted read-only",
            "fail: the file system is mounted read-only",
        ),
    ];
    for (room, as_probe, as_own) in cases {
        let probe = probing("/data", DiskProbeSettings::default());
        for (check, expected) in [(probe, as_probe), (own(0.1, 64 << 20), as_own)] {
            let run = a_run();
            let judged = check.judge(&run, &room);
            let warnings = run.take().warnings;
            let found = match (judged, &*warnings) {
                (Ok(()), []) => "pass".to_owned(),
                (Ok(()), [warning]) => format!("warn: {warning}"),
                (Err(failure), _) => format!("fail: {}", failure.message),
                both => panic!("{both:?}"),
            };
            assert!(found.starts_with(expected), "{room:?}: {found}");
        }
    }
}

/// Scenario: a disk that runs out of bytes, and one that cannot be written to.
/// Guarantees: the two have different reasons.
#[test]
fn reasons_tell_full_from_read_only() {
    let full = own(0.1, 1).judge(&a_run(), &room(0, 1)).unwrap_err();
    assert_eq!(full.reason, Reason::Space);
    let read_only = Room {
        is_read_only: true,
        ..room(GIB, 1)
    };
    let refused = own(0.1, 1).judge(&a_run(), &read_only).unwrap_err();
    assert_eq!(refused.reason, Reason::Permission);
}

/// Scenario: a directory that is there, one that is not, and a path through a file.
/// Guarantees: the first shows its numbers under its path, in the same way as the operating system does; the others are
/// missing.
#[tokio::test]
async fn looks_at_the_file_system_of_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let none = DiskProbeSettings {
        warn_free: 0.0,
        fail_free: 0.0,
    };
    let run = a_run();
    assert_eq!(probing(path, none.clone()).check(&run).await, Ok(()));
    let found = run.take();
    let laps: Vec<_> = found.laps.iter().map(|lap| lap.phase).collect();
    assert_eq!(laps, [Phase::Look]);
    let names: Vec<_> = found.readings.iter().map(|one| &*one.metric).collect();
    assert_eq!(names, [FREE, SIZE, INODES_FREE, INODES]);
    let vfs = statvfs(path).unwrap();
    assert_eq!(found.facts["size_bytes"], vfs.f_blocks * vfs.f_frsize);
    assert_eq!(
        found.readings[1].value,
        (vfs.f_blocks * vfs.f_frsize) as f64
    );
    assert_eq!(found.readings[1].attributes, [("path".into(), path.into())]);

    std::fs::write(directory.path().join("file"), "").unwrap();
    for missing in ["nothing-there", "file/below"] {
        let check = probing(&format!("{path}/{missing}"), none.clone());
        let failure = check.check(&a_run()).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Missing, "{failure}");
    }
}

/// Scenario: the errors that a file system can answer with.
/// Guarantees: each has the reason that says what to do about it, and the system's own words.
#[test]
fn errors_have_their_reasons() {
    let cases = [
        (
            Errno::NOENT,
            Reason::Missing,
            "there is no such path (No such file or directory",
        ),
        (
            Errno::ACCESS,
            Reason::Permission,
            "the path may not be looked at (Permission denied",
        ),
        (
            Errno::STALE,
            Reason::Unavailable,
            "the file system has lost its server (Stale file handle",
        ),
        (
            Errno::IO,
            Reason::Query,
            "the file system did not answer (Input/output error",
        ),
    ];
    for (error, reason, message) in cases {
        let failure = failure(error);
        assert_eq!(failure.reason, reason);
        assert!(failure.message.starts_with(message), "{failure}");
    }
}
