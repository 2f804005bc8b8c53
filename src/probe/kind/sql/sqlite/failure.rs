//! What SQLite's result codes mean (SQLite, "Result and Error Codes").

use sqlx::error::DatabaseError;

use crate::probe::failure::Reason;

/// The reason in an error of SQLite. The low byte of a code is its class.
pub(super) fn judge(error: &dyn DatabaseError) -> Reason {
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.map_or(Reason::Query, reason)
}

const fn reason(code: i32) -> Reason {
    match (code & 0xff, code >> 8) {
        // BUSY, LOCKED: another connection holds a lock for longer than was waited.
        (5 | 6, _) => Reason::Unavailable,
        // READONLY_RECOVERY, _CANTLOCK, _ROLLBACK, _CANTINIT: it must be recovered, which only a writer can do.
        (8, 1 | 2 | 3 | 5) => Reason::Unavailable,
        // INTERRUPT: the time of the run is over.
        (9, _) => Reason::Timeout,
        // CORRUPT, NOTADB.
        (11 | 26, _) => Reason::Protocol,
        // PERM, CANTOPEN, AUTH: the files beside the database may not be read.
        (3 | 14 | 23, _) => Reason::Permission,
        _ => Reason::Query,
    }
}

/// What to do about an error with `reason`, a clause; `None` where its text says enough.
pub(super) const fn advice(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::Unavailable => Some(
            "another process holds it locked, or must open it for writing once so that it recovers",
        ),
        Reason::Protocol => Some("check it with PRAGMA integrity_check, and restore it if need be"),
        Reason::Permission => {
            Some("the agent's user must be able to read the files beside it, -wal and -shm")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: Codes as SQLite gives them, plain and extended.
    /// Guarantees: Each has the reason that says what to look at.
    #[test]
    fn codes_have_reasons() {
        let cases = [
            (1, Reason::Query),         // ERROR
            (5, Reason::Unavailable),   // BUSY
            (261, Reason::Unavailable), // BUSY_RECOVERY
            (6, Reason::Unavailable),   // LOCKED
            (8, Reason::Query),         // READONLY
            (264, Reason::Unavailable), // READONLY_RECOVERY
            (776, Reason::Unavailable), // READONLY_ROLLBACK
            (1032, Reason::Query),      // READONLY_DBMOVED
            (9, Reason::Timeout),       // INTERRUPT
            (266, Reason::Query),       // IOERR_READ
            (11, Reason::Protocol),     // CORRUPT
            (26, Reason::Protocol),     // NOTADB
            (14, Reason::Permission),   // CANTOPEN
        ];
        for (code, expected) in cases {
            assert_eq!(reason(code), expected, "{code}");
        }
    }
}
