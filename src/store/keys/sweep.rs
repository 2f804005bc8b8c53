//! Sweeping away what has ended, and finding out whose holders are gone.

use super::StoreError;
use crate::store::Store;
use crate::store::sql::{Sql, Value, sql};

/// What is due is found first, and once: within the other statement PostgreSQL may look for it several times, and find other rows each
/// time. The time stands in a query of its own, without which it would not use the index.
const EXPIRE: Sql = sql!(
    "WITH due AS MATERIALIZED (
    SELECT route, caller, key FROM idempotency_keys
    WHERE state = 'running' AND lease_until_ms <= (SELECT " now ") LIMIT $1" skip_locked "
)
UPDATE idempotency_keys SET state = 'unknown'
WHERE state = 'running' AND lease_until_ms <= " now " AND (route, caller, key) IN (SELECT route, caller, key FROM due)
RETURNING route, key, owner"
);

/// The conditions stand on both sides: between finding a row and deleting it, it may be claimed anew.
const REMOVE: Sql = sql!(
    "WITH due AS MATERIALIZED (
    SELECT route, caller, key FROM idempotency_keys
    WHERE state <> 'running' AND ends_at_ms <= (SELECT " now ") LIMIT $1" skip_locked "
)
DELETE FROM idempotency_keys
WHERE state <> 'running' AND ends_at_ms <= " now " AND (route, caller, key) IN (SELECT route, caller, key FROM due)
RETURNING fence"
);

/// What one sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys whose holders let them go without a word: their outcome is unknown.
    pub expired: Vec<Expired>,
    /// How many keys were removed, as their time was over.
    pub removed: usize,
}

/// A key whose outcome is unknown from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The name of the route.
    pub route: String,
    /// The key.
    pub key: String,
    /// Who held it.
    pub owner: String,
}

impl Store {
    /// Sweeps at most `batch` keys of each sort.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn sweep(&self, batch: u32) -> Result<Swept, StoreError> {
        let limit = [Value::Int(Some(i64::from(batch)))];
        let expired = self.rows(&EXPIRE, &limit).await?;
        let expired = expired.iter().map(|row| {
            Ok(Expired {
                route: row.get("route")?,
                key: row.get("key")?,
                owner: row.get("owner")?,
            })
        });
        let expired = expired.collect::<Result<_, sqlx::Error>>();
        Ok(Swept {
            expired: expired.map_err(|error| self.failed(error))?,
            removed: self.rows(&REMOVE, &limit).await?.len(),
        })
    }
}
