//! Keys to develop and try things with: one in each state.

use http::Method;

use super::StoreError;
use crate::resilience::idempotency::{Caller, Fingerprint, Fingerprinted};
use crate::store::Store;
use crate::store::sql::{Sql, Value, sql};

/// The route that they belong to. No request takes it unless someone gives a route this name.
const ROUTE: &str = "seed";

/// Who holds them: nobody.
const OWNER: &str = "lineside db seed";

const HOUR_MS: i64 = 3_600_000;

/// A seed that is there already begins anew. A key of that name that is no seed is left alone.
const SEED: Sql = sql!(
    "INSERT INTO idempotency_keys AS held
    (route, caller, key, fingerprint, state, fence, owner, lease_until_ms, created_at_ms, ends_at_ms, status, kept, headers, body)
VALUES ($1, $2, $3, $4, $5, 1, $6, " now " + $7, " now ", " now " + $8, $9, $10, $11, $12)
ON CONFLICT (route, caller, key) DO UPDATE SET
    state = excluded.state, lease_until_ms = excluded.lease_until_ms, created_at_ms = excluded.created_at_ms,
    ends_at_ms = excluded.ends_at_ms, status = excluded.status, kept = excluded.kept,
    headers = excluded.headers, body = excluded.body
WHERE held.owner = excluded.owner
RETURNING key"
);

/// One key, and what it shows.
struct Seed {
    key: &'static str,
    state: &'static str,
    /// How long its lease lasts and it is kept, from now on.
    lease_ms: i64,
    ends_ms: i64,
    status: Option<i64>,
    is_kept: bool,
}

const SEEDS: [Seed; 6] = [
    // A request that is under way for an hour.
    seed(
        "seed-running",
        "running",
        HOUR_MS,
        24 * HOUR_MS,
        None,
        false,
    ),
    // One whose agent was killed: the next sweep makes it unknown.
    seed("seed-abandoned", "running", 0, 24 * HOUR_MS, None, false),
    seed("seed-unknown", "unknown", 0, 24 * HOUR_MS, None, false),
    seed("seed-done", "done", 0, 24 * HOUR_MS, Some(201), true),
    // One whose answer was too large.
    seed("seed-not-kept", "done", 0, 24 * HOUR_MS, Some(200), false),
    // One whose time is over: the next sweep removes it.
    seed("seed-ended", "done", 0, 0, Some(200), true),
];

const fn seed(
    key: &'static str,
    state: &'static str,
    lease_ms: i64,
    ends_ms: i64,
    status: Option<i64>,
    is_kept: bool,
) -> Seed {
    Seed {
        key,
        state,
        lease_ms,
        ends_ms,
        status,
        is_kept,
    }
}

/// How many keys were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Made, or made anew.
    pub written: usize,
    /// Left alone, because a key of that name is no seed.
    pub left_alone: usize,
}

impl Store {
    /// Writes the seeds. Writing them again makes them anew and changes nothing else.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn seed(&self) -> Result<Seeded, StoreError> {
        let mut written = 0;
        for seed in &SEEDS {
            written += self.write_seed(seed).await?;
        }
        Ok(Seeded {
            written,
            left_alone: SEEDS.len() - written,
        })
    }

    async fn write_seed(&self, seed: &Seed) -> Result<usize, StoreError> {
        let caller = Caller::of(OWNER.as_bytes());
        let fingerprint = Fingerprint::of(&Fingerprinted {
            method: &Method::POST,
            route: ROUTE,
            host: b"",
            target: "/",
            caller: &caller,
            content_type: None,
            body: b"",
        });
        let kept = |bytes: &'static [u8]| Value::Bytes(seed.is_kept.then_some(bytes));
        let values = [
            Value::Text(ROUTE),
            Value::Text(caller.as_str()),
            Value::Text(seed.key),
            Value::Text(fingerprint.as_str()),
            Value::Text(seed.state),
            Value::Text(OWNER),
            Value::Int(Some(seed.lease_ms)),
            Value::Int(Some(seed.ends_ms)),
            Value::Int(seed.status),
            Value::Flag(seed.is_kept),
            kept(b"content-type: application/json\n"),
            kept(b"{\"id\":\"seed\"}"),
        ];
        Ok(self.rows(&SEED, &values).await?.len())
    }
}
