//! The files of a SQLite database, looked at before SQLite opens them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::probe::failure::{Failure, Reason};

/// What every database file begins with (SQLite, "Database File Format", section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The bytes that are read of the file: up to the two that say whether it has a write-ahead log.
const HEADER_BYTES: usize = 20;

/// What stands for itself in the path of a URI filename (SQLite, "URI Filenames", section 3.1).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a database can be read without writing anything beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It has a rollback journal, and readers only lock.
    Locking,
    /// It has a write-ahead log and an index of that, which readers share.
    SharedLog,
    /// It would have a write-ahead log, but nobody has it open. A reader that took part would have to make the files of
    /// the log, and its application might not be able to write to those.
    AtRest,
}

impl Access {
    /// The parameters of the URI filename. Without `readonly_shm`, SQLite makes the index where there is none.
    const fn parameters(self) -> &'static str {
        match self {
            Access::Locking => "mode=ro",
            Access::SharedLog => "mode=ro&readonly_shm=1",
            Access::AtRest => "mode=ro&immutable=1",
        }
    }

    /// The journal mode as `PRAGMA journal_mode` names it. The other modes do not outlive their connection.
    pub(super) const fn journal_mode(self) -> &'static str {
        match self {
            Access::Locking => "delete",
            Access::SharedLog | Access::AtRest => "wal",
        }
    }
}

/// What is known of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) access: Access,
    /// The size of the write-ahead log; `None` where there is none.
    pub(super) log_bytes: Option<u64>,
}

/// Looks at the files. It blocks.
pub(super) fn inspect(path: &Path) -> Result<Found, Failure> {
    let file = fs::metadata(path).map_err(|error| refused(&error))?;
    if !file.is_file() {
        return Err(Failure::new(Reason::Protocol, "this is not a regular file"));
    }
    let header = header(path).map_err(|error| refused(&error))?;
    // A file without a byte is a database without a table.
    if !header.is_empty() && !header.starts_with(MAGIC) {
        return Err(Failure::new(
            Reason::Protocol,
            "this is not a SQLite database, or it is encrypted",
        ));
    }
    let log_bytes = fs::metadata(beside(path, "-wal")).ok().map(|log| log.len());
    let shared = fs::metadata(beside(path, "-shm")).is_ok();
    let access = match (has_log(&header), shared) {
        (false, _) => Access::Locking,
        (true, true) => Access::SharedLog,
        (true, false) => Access::AtRest,
    };
    Ok(Found { access, log_bytes })
}

/// Closing a file gives up what locks this process has on it (SQLite, "How To Corrupt", section 2.2). No other
/// connection of ours has any then: one look at a time, and this comes before it locks.
fn header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    let mut file = File::open(path)?.take(HEADER_BYTES as u64);
    file.read_to_end(&mut header)?;
    Ok(header)
}

/// The read version is 2 where readers must know of the write-ahead log (section 1.3.3).
fn has_log(header: &[u8]) -> bool {
    header.get(19) == Some(&2)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn refused(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Failure::new(Reason::Missing, "there is no such file")
        }
        ErrorKind::PermissionDenied => Failure::new(
            Reason::Permission,
            "the agent's user may not read the file, or not reach it",
        ),
        _ => Failure::new(Reason::Query, format!("the file cannot be read: {error}")),
    }
}

/// How SQLite opens the file at `path`: to read only, waiting at most `busy` for a lock.
pub(super) fn options(path: &Path, access: Access, busy: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(uri(path, access))
        .read_only(true)
        .pragma("query_only", "ON")
        .busy_timeout(busy)
        .statement_cache_capacity(0)
        .disable_statement_logging()
}

fn uri(path: &Path, access: Access) -> String {
    let text = path.to_string_lossy();
    let encoded = utf8_percent_encode(&text, KEPT);
    // An absolute path stands behind an empty authority, so that it may begin with two slashes.
    let authority = if path.is_absolute() { "//" } else { "" };
    format!("file:{authority}{encoded}?{}", access.parameters())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and contents.
    type Files<'f> = &'f [(&'f str, &'f [u8])];

    fn found(directory: &Path, files: Files<'_>) -> Result<Found, Failure> {
        for (name, bytes) in files {
            fs::write(directory.join(name), bytes).unwrap();
        }
        inspect(&directory.join("it.db"))
    }

    fn database(read_version: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0x10, 0, read_version, read_version]);
        bytes.resize(4096, 0);
        bytes
    }

    /// Scenario: A file of each journal mode, with and without the files of a write-ahead log beside it, and an empty one.
    /// Guarantees: Each is read in the way that writes nothing.
    #[test]
    fn each_is_read_without_writing() {
        let log: (&str, &[u8]) = ("it.db-wal", b"1234");
        let shared: (&str, &[u8]) = ("it.db-shm", b"");
        let (plain, logged) = (database(1), database(2));
        let cases: [(Files<'_>, Access, Option<u64>); 5] = [
            (&[("it.db", &plain)], Access::Locking, None),
            (&[("it.db", b"")], Access::Locking, None),
            (&[("it.db", &logged)], Access::AtRest, None),
            (&[("it.db", &logged), log], Access::AtRest, Some(4)),
            (
                &[("it.db", &logged), log, shared],
                Access::SharedLog,
                Some(4),
            ),
        ];
        for (files, access, log_bytes) in cases {
            let directory = tempfile::tempdir().unwrap();
            let expected = Found { access, log_bytes };
            assert_eq!(found(directory.path(), files), Ok(expected), "{files:?}");
        }
    }

    /// Scenario: No file, a directory, a path through a file, and a file of something else.
    /// Guarantees: Each failure has its reason.
    #[test]
    fn what_is_no_database_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| inspect(&directory.path().join(path)).unwrap_err().reason;
        assert_eq!(at("it.db"), Reason::Missing);
        assert_eq!(at("."), Reason::Protocol);
        fs::write(directory.path().join("note"), "SQLite format 4").unwrap();
        assert_eq!(at("note"), Reason::Protocol);
        assert_eq!(at("note/it.db"), Reason::Missing);
    }

    /// Scenario: Paths with what means something in a URI.
    /// Guarantees: SQLite is told the path and nothing else.
    #[test]
    fn paths_become_uris() {
        let cases = [
            ("data/it.db", "file:data/it.db?mode=ro"),
            ("/data/it.db", "file:///data/it.db?mode=ro"),
            ("//data/it.db", "file:////data/it.db?mode=ro"),
            (
                "/a b?mode=rwc#%41",
                "file:///a%20b%3Fmode%3Drwc%23%2541?mode=ro",
            ),
            (":memory:", "file:%3Amemory%3A?mode=ro"),
        ];
        for (path, expected) in cases {
            assert_eq!(uri(Path::new(path), Access::Locking), expected);
        }
    }
}
