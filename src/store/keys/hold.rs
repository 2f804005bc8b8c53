//! What the holder of a key says.

use std::time::Duration;

use super::{Finished, Held, Hold, StoreError, millis};
use crate::store::Store;
use crate::store::sql::{Sql, Value, sql};

/// A lease that others have seen end is not renewed: they were told that the outcome is unknown.
const RENEW: Sql = sql!(
    "UPDATE idempotency_keys SET lease_until_ms = " now " + $6, ends_at_ms = " now " + $6 + $7
WHERE route = $1 AND caller = $2 AND key = $3 AND fence = $4 AND owner = $5 AND state = 'running'
RETURNING fence"
);

/// What has become unknown becomes known, as long as nobody has taken the key over.
const FINISH: Sql = sql!(
    "UPDATE idempotency_keys SET state = 'done', ends_at_ms = " now " + $6, status = $7, kept = $8, headers = $9, body = $10
WHERE route = $1 AND caller = $2 AND key = $3 AND fence = $4 AND owner = $5 AND state <> 'done'
RETURNING fence"
);

const FORGET: Sql = sql!(
    "DELETE FROM idempotency_keys
WHERE route = $1 AND caller = $2 AND key = $3 AND fence = $4 AND owner = $5 AND state <> 'done'
RETURNING fence"
);

const GIVE_UP: Sql = sql!(
    "UPDATE idempotency_keys SET state = 'unknown', ends_at_ms = " now " + $6
WHERE route = $1 AND caller = $2 AND key = $3 AND fence = $4 AND owner = $5 AND state <> 'done'
RETURNING fence"
);

/// Whether an earlier attempt to say it got through.
const SAID: Sql = sql!(
    "SELECT fence FROM idempotency_keys
WHERE route = $1 AND caller = $2 AND key = $3 AND fence = $4 AND owner = $5 AND state = 'done'"
);

impl Hold {
    /// The values of `$1` to `$5` in every statement of a holder.
    fn values(&self) -> [Value<'_>; 5] {
        let [route, caller, key] = self.id.values();
        let (fence, owner) = (Value::Int(Some(self.fence)), Value::Text(&self.owner));
        [route, caller, key, fence, owner]
    }
}

impl Store {
    /// Holds the key for another lease from this moment on.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn renew(&self, hold: &Hold) -> Result<Held, StoreError> {
        let terms = [
            millis(hold.terms.lease),
            millis(hold.terms.keep_unknown_for),
        ];
        self.say(&RENEW, hold, &terms).await
    }

    /// The request was answered. It is kept for `keep_for`. Saying it again makes no difference.
    ///
    /// # Errors
    ///
    /// The database does not answer; it may be said again.
    pub async fn finish(
        &self,
        hold: &Hold,
        finished: &Finished,
        keep_for: Duration,
    ) -> Result<Held, StoreError> {
        let (status, kept) = match finished {
            Finished::Kept(answer) => (answer.status, Some(answer)),
            Finished::Status(status) => (*status, None),
        };
        let values = [
            millis(keep_for),
            Value::Int(Some(i64::from(status))),
            Value::Flag(kept.is_some()),
            Value::Bytes(kept.map(|answer| answer.head.as_slice())),
            Value::Bytes(kept.map(|answer| answer.body.as_ref())),
        ];
        match self.say(&FINISH, hold, &values).await? {
            Held::Lost => self.say(&SAID, hold, &[]).await,
            Held::Yes => Ok(Held::Yes),
        }
    }

    /// Nothing was done: the key is forgotten, and the request may be made again.
    ///
    /// # Errors
    ///
    /// The database does not answer; it may be said again.
    pub async fn release(&self, hold: &Hold) -> Result<Held, StoreError> {
        self.say(&FORGET, hold, &[]).await
    }

    /// Nobody knows whether something was done. Saying it again makes no difference.
    ///
    /// # Errors
    ///
    /// The database does not answer; it may be said again.
    pub async fn give_up(&self, hold: &Hold) -> Result<Held, StoreError> {
        let keep_for = millis(hold.terms.keep_unknown_for);
        self.say(&GIVE_UP, hold, &[keep_for]).await
    }

    async fn say(
        &self,
        statement: &Sql,
        hold: &Hold,
        values: &[Value<'_>],
    ) -> Result<Held, StoreError> {
        let values = [&hold.values(), values].concat();
        Ok(match self.rows(statement, &values).await?.is_empty() {
            true => Held::Lost,
            false => Held::Yes,
        })
    }
}
