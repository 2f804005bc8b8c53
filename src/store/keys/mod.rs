//! Idempotency keys: who holds one, and what came of it.
//!
//! A key belongs to a route and a caller. Whoever claims it holds it (`running`) until it says how the request ended (`done`, `unknown`),
//! or that nothing was done, which forgets the key. A hold is a lease that is renewed while the request runs. Each claim has an
//! owner of its own and a higher fence than the one before; a hold that another claim or an operator has taken over can write nothing.
//! A lease that has ended without a word leaves an outcome that nobody knows: its holder may have been killed before the request was sent
//! or after it was answered.
//!
//! All times are the database's: several agents have one clock. Each statement by itself leaves the table whole, so none
//! needs a transaction.

mod claim;
mod hold;
mod inspect;
mod seed;
mod sweep;

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::error::StoreError;
use super::sql::{Row, Value};
use crate::resilience::idempotency::{Caller, Fingerprint, Key};

pub use inspect::{KeyFilter, KeyList, KeyShown, Settled, Verdict};
pub use seed::Seeded;
pub use sweep::{Expired, Swept};

/// Which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId {
    /// The name of the route.
    pub route: String,
    /// Who sent it.
    pub caller: Caller,
    /// The key.
    pub key: Key,
}

/// How a key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a hold lasts that is not renewed.
    pub lease: Duration,
    /// How long it is kept that an outcome is unknown.
    pub keep_unknown_for: Duration,
    /// Whether a request whose outcome is unknown may be made again.
    pub repeat_unknown: bool,
}

/// One attempt to hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claiming {
    /// The key.
    pub id: KeyId,
    /// What the request is.
    pub fingerprint: Fingerprint,
    /// How it is held.
    pub terms: Terms,
    /// Who claims it: no two claims have the same.
    pub owner: String,
}

/// A key that is held.
#[must_use = "say how the request ended"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    id: KeyId,
    fence: i64,
    owner: String,
    terms: Terms,
}

/// What a claim finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key is held: the request is to run.
    Run(Hold),
    /// A request with this key is under way.
    InFlight,
    /// It ran already, and this was the answer.
    Replay(KeptAnswer),
    /// It ran already, but the answer was not kept.
    NotKept {
        /// The status of the answer; `None` where an operator settled it.
        status: Option<u16>,
    },
    /// The key belongs to another request.
    Mismatch,
    /// It began then, and nobody knows how it ended.
    Unknown {
        /// When it was claimed.
        since: SystemTime,
    },
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Headers and trailers, a line each.
    pub head: Vec<u8>,
    /// The whole body.
    pub body: Bytes,
}

/// How a request ended that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The answer is kept.
    Kept(KeptAnswer),
    /// Only that it was answered, with this status.
    Status(u16),
}

/// Whether a hold still is one.
#[must_use = "who has lost its hold has written nothing"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// What was said is written.
    Yes,
    /// Another claim or an operator has taken the key over, or its lease ended: nothing was written.
    Lost,
}

impl KeyId {
    /// The values of `$1`, `$2` and `$3` in every statement about one key.
    fn values(&self) -> [Value<'_>; 3] {
        [
            Value::Text(&self.route),
            Value::Text(self.caller.as_str()),
            Value::Text(self.key.as_str()),
        ]
    }
}

impl Hold {
    /// The key.
    pub fn id(&self) -> &KeyId {
        &self.id
    }
}

/// Whole milliseconds, which is what the tables hold.
fn millis(time: Duration) -> Value<'static> {
    Value::Int(Some(
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4),
    ))
}

/// The time in a column.
fn time_of(row: &Row, column: &str) -> Result<SystemTime, sqlx::Error> {
    let millis: i64 = row.get(column)?;
    let since_epoch = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    Ok(SystemTime::UNIX_EPOCH
        .checked_add(since_epoch)
        .unwrap_or(SystemTime::UNIX_EPOCH))
}
