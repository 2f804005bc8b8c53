//! What operators see of the keys, and how they settle one whose outcome nobody knows.

use std::fmt;
use std::time::SystemTime;

use super::{StoreError, time_of};
use crate::store::Store;
use crate::store::sql::{Row, Sql, Value, sql};

/// Characters of a caller's hash that tell callers apart for people.
const CALLER_SHOWN: usize = 12;

const LIST: Sql = sql!(
    "SELECT route, caller, key, state, status, kept, owner, created_at_ms,
    CASE WHEN state = 'running' THEN lease_until_ms ELSE ends_at_ms END AS until_ms
FROM idempotency_keys
WHERE ($1 = '' OR state = $1) AND ($2 = '' OR route = $2)
ORDER BY created_at_ms DESC, route, key LIMIT $3"
);

/// A higher fence, so that a holder that comes back late writes nothing.
const SETTLE_RAN: Sql = sql!(
    "UPDATE idempotency_keys SET state = 'done', status = NULL, kept = FALSE, fence = fence + 1
WHERE route = $1 AND key = $2 AND caller = $3 AND state = 'unknown'
RETURNING fence"
);

const SETTLE_NEVER_RAN: Sql = sql!(
    "DELETE FROM idempotency_keys
WHERE route = $1 AND key = $2 AND caller = $3 AND state = 'unknown'
RETURNING fence"
);

const MATCHING: Sql = sql!(
    "SELECT state, caller FROM idempotency_keys
WHERE route = $1 AND key = $2 AND substr(caller, 1, length($3)) = $3 LIMIT 100"
);

/// Which keys are asked for.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Only those of this route.
    pub route: Option<String>,
    /// Only those in this state: `running`, `done` or `unknown`.
    pub state: Option<String>,
    /// At most so many, the youngest first.
    pub limit: u32,
}

/// One key, without what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShown {
    /// The name of the route.
    pub route: String,
    /// The first digits of the caller's hash.
    pub caller: String,
    /// The key.
    pub key: String,
    /// `running`, `done` or `unknown`.
    pub state: String,
    /// The status of the answer.
    pub status: Option<i64>,
    /// Whether the answer is kept.
    pub kept: bool,
    /// Who held it last.
    pub owner: String,
    /// When it was claimed.
    pub created_at: SystemTime,
    /// When its lease ends, or it is forgotten.
    pub until: SystemTime,
}

/// Keys. They print as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList(pub Vec<KeyShown>);

/// What an operator found out about a request whose outcome was unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It had its effect: it must not run again.
    Ran,
    /// It had none: it may.
    NeverRan,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is settled.
    Yes,
    /// There is no such key.
    NoSuchKey,
    /// Several callers have one: which is meant must be said.
    Several(usize),
    /// There is nothing to settle: this is its state.
    NotUnknown(String),
}

impl Store {
    /// The keys that `filter` asks for.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn list_keys(&self, filter: &KeyFilter) -> Result<KeyList, StoreError> {
        let values = [
            Value::Text(filter.state.as_deref().unwrap_or_default()),
            Value::Text(filter.route.as_deref().unwrap_or_default()),
            Value::Int(Some(i64::from(filter.limit))),
        ];
        let rows = self.rows(&LIST, &values).await?;
        let shown: Result<_, sqlx::Error> = rows.iter().map(KeyShown::read).collect();
        shown.map(KeyList).map_err(|error| self.failed(error))
    }

    /// Settles a key whose outcome is unknown. `caller` is the beginning of the caller's hash; empty where there is only one.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn settle(
        &self,
        route: &str,
        key: &str,
        caller: &str,
        verdict: Verdict,
    ) -> Result<Settled, StoreError> {
        let values = [Value::Text(route), Value::Text(key), Value::Text(caller)];
        let rows = self.rows(&MATCHING, &values).await?;
        let row = match rows.as_slice() {
            [] => return Ok(Settled::NoSuchKey),
            [row] => row,
            several => return Ok(Settled::Several(several.len())),
        };
        let column = |name| row.get::<String>(name).map_err(|error| self.failed(error));
        let (state, caller) = (column("state")?, column("caller")?);
        let statement = match verdict {
            Verdict::Ran => &SETTLE_RAN,
            Verdict::NeverRan => &SETTLE_NEVER_RAN,
        };
        let values = [Value::Text(route), Value::Text(key), Value::Text(&caller)];
        if state != "unknown" || self.rows(statement, &values).await?.is_empty() {
            return Ok(Settled::NotUnknown(state));
        }
        Ok(Settled::Yes)
    }
}

impl KeyShown {
    fn read(row: &Row) -> Result<KeyShown, sqlx::Error> {
        let caller: String = row.get("caller")?;
        Ok(KeyShown {
            route: row.get("route")?,
            caller: caller.chars().take(CALLER_SHOWN).collect(),
            key: row.get("key")?,
            state: row.get("state")?,
            status: row.get("status")?,
            kept: row.get("kept")?,
            owner: row.get("owner")?,
            created_at: time_of(row, "created_at_ms")?,
            until: time_of(row, "until_ms")?,
        })
    }

    fn answer(&self) -> String {
        match (self.status, self.state.as_str()) {
            (Some(status), _) if self.kept => format!("{status} kept"),
            (Some(status), _) => format!("{status} not kept"),
            (None, "done") => "settled".to_owned(),
            (None, _) => "-".to_owned(),
        }
    }
}

impl fmt::Display for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "route",
            "key",
            "caller",
            "state",
            "answer",
            "claimed at",
            "until",
            "by",
        ];
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        let lines = self.0.iter().map(|key| {
            let (claimed, until) = (time(key.created_at), time(key.until));
            let (state, owner) = (key.state.clone(), key.owner.clone());
            let (route, caller) = (key.route.clone(), key.caller.clone());
            [
                route,
                key.key.clone(),
                caller,
                state,
                key.answer(),
                claimed,
                until,
                owner,
            ]
        });
        let table: Vec<_> = std::iter::once(head.map(str::to_owned))
            .chain(lines)
            .collect();
        let widths: [usize; 8] =
            std::array::from_fn(|at| table.iter().map(|line| line[at].len()).max().unwrap_or(0));
        for line in table {
            let cells = line
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}
