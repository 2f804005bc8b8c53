//! Claiming a key.

use bytes::Bytes;
use tracing::warn;

use super::{Claim, Claiming, Hold, KeptAnswer, StoreError, millis, time_of};
use crate::store::Store;
use crate::store::sql::{Row, Sql, Value, sql};

/// Between two statements of a claim a key can end, be released or be swept away. More often than this in a row, it does not.
const MAX_ROUNDS: u32 = 8;

/// Takes a key that nobody holds: one that is not there, whose time is over, or whose outcome is unknown and may be repeated.
const TAKE: Sql = sql!(
    "INSERT INTO idempotency_keys AS held
    (route, caller, key, fingerprint, state, fence, owner, lease_until_ms, created_at_ms, ends_at_ms, kept)
VALUES ($1, $2, $3, $4, 'running', 1, $5, " now " + $6, " now ", " now " + $6 + $7, FALSE)
ON CONFLICT (route, caller, key) DO UPDATE SET
    fingerprint = excluded.fingerprint, state = 'running', fence = held.fence + 1, owner = excluded.owner,
    lease_until_ms = excluded.lease_until_ms, created_at_ms = excluded.created_at_ms,
    ends_at_ms = excluded.ends_at_ms, status = NULL, kept = FALSE, headers = NULL, body = NULL
WHERE (held.state <> 'running' AND held.ends_at_ms <= " now ")
    OR (held.state = 'unknown' AND held.fingerprint = excluded.fingerprint AND $8)
RETURNING fence"
);

/// What stands in the way. The answer is only read where it is meant for this request.
const LOOK: Sql = sql!(
    "SELECT state, fingerprint = $4 AS is_same, lease_until_ms <= " now " AS is_dead, created_at_ms, status, kept,
    CASE WHEN fingerprint = $4 THEN headers END AS headers,
    CASE WHEN fingerprint = $4 THEN body END AS body
FROM idempotency_keys WHERE route = $1 AND caller = $2 AND key = $3"
);

/// The holder's lease has ended without a word.
const EXPIRE: Sql = sql!(
    "UPDATE idempotency_keys SET state = 'unknown'
WHERE route = $1 AND caller = $2 AND key = $3 AND state = 'running' AND lease_until_ms <= " now "
RETURNING owner"
);

/// A claim that got no answer may have been carried out nevertheless, or still be.
const WITHDRAW: Sql = sql!(
    "DELETE FROM idempotency_keys
WHERE route = $1 AND caller = $2 AND key = $3 AND owner = $4 AND state <> 'done'
RETURNING fence"
);

impl Store {
    /// An owner that no other claim has: the agent's name and a number.
    pub fn next_owner(&self) -> String {
        self.owners().next()
    }

    /// Tries to hold a key.
    ///
    /// # Errors
    ///
    /// The database does not answer. Then the key may be held nevertheless, and is to be withdrawn.
    pub async fn claim(&self, claiming: &Claiming) -> Result<Claim, StoreError> {
        for _ in 0..MAX_ROUNDS {
            if let Some(hold) = self.take(claiming).await? {
                return Ok(Claim::Run(hold));
            }
            let [route, caller, key] = claiming.id.values();
            let values = [
                route,
                caller,
                key,
                Value::Text(claiming.fingerprint.as_str()),
            ];
            let rows = self.rows(&LOOK, &values).await?;
            let Some(row) = rows.first() else { continue };
            let found = Found::read(row).map_err(|error| self.failed(error))?;
            match found {
                Found::Dead => self.expire(claiming).await?,
                Found::Claim(claim) => return Ok(claim),
            }
        }
        // Others are at it all the time.
        Ok(Claim::InFlight)
    }

    /// Takes back a claim that got no answer. Says whether there was something to take back.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn withdraw(&self, claiming: &Claiming) -> Result<bool, StoreError> {
        let [route, caller, key] = claiming.id.values();
        let values = [route, caller, key, Value::Text(&claiming.owner)];
        Ok(!self.rows(&WITHDRAW, &values).await?.is_empty())
    }

    async fn take(&self, claiming: &Claiming) -> Result<Option<Hold>, StoreError> {
        let Claiming {
            id,
            fingerprint,
            terms,
            owner,
        } = claiming;
        let [route, caller, key] = id.values();
        let values = [
            route,
            caller,
            key,
            Value::Text(fingerprint.as_str()),
            Value::Text(owner),
            millis(terms.lease),
            millis(terms.keep_unknown_for),
            Value::Flag(terms.repeat_unknown),
        ];
        let rows = self.rows(&TAKE, &values).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Hold {
            id: id.clone(),
            fence: row.get("fence").map_err(|error| self.failed(error))?,
            owner: owner.clone(),
            terms: *terms,
        }))
    }

    async fn expire(&self, claiming: &Claiming) -> Result<(), StoreError> {
        let rows = self.rows(&EXPIRE, &claiming.id.values()).await?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let owner: String = row.get("owner").map_err(|error| self.failed(error))?;
        let (route, key) = (&claiming.id.route, &claiming.id.key);
        warn!(route, %key, owner, "the outcome of a request is unknown: who held its key let it go without a word");
        Ok(())
    }
}

/// What stands in the way of a claim.
enum Found {
    /// A hold whose lease has ended.
    Dead,
    Claim(Claim),
}

impl Found {
    fn read(row: &Row) -> Result<Found, sqlx::Error> {
        let state: String = row.get("state")?;
        let is_same: bool = row.get("is_same")?;
        let is_dead: bool = row.get("is_dead")?;
        Ok(Found::Claim(match state.as_str() {
            "running" if is_dead => return Ok(Found::Dead),
            _ if !is_same => Claim::Mismatch,
            "running" => Claim::InFlight,
            "unknown" => Claim::Unknown {
                since: time_of(row, "created_at_ms")?,
            },
            _ => answered(row)?,
        }))
    }
}

fn answered(row: &Row) -> Result<Claim, sqlx::Error> {
    let status: Option<i64> = row.get("status")?;
    let status = status.and_then(|status| u16::try_from(status).ok());
    let is_kept: bool = row.get("kept")?;
    Ok(match status {
        Some(status) if is_kept => Claim::Replay(KeptAnswer {
            status,
            head: row.get::<Option<Vec<u8>>>("headers")?.unwrap_or_default(),
            body: Bytes::from(row.get::<Option<Vec<u8>>>("body")?.unwrap_or_default()),
        }),
        status => Claim::NotKept { status },
    })
}
