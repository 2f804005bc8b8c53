//! `[store]`: the database for what must outlive a request and is no telemetry.

use std::time::Duration;

use super::export::ClientTls;
use crate::config::probe_url::ProbeUrl;
use crate::config::secret::Secret;
use crate::config::section::section;
use crate::config::units::{hours, millis, minutes, secs};

section! {
    /// The database for idempotency keys.
    pub struct StoreSettings {
        /// A SQLite file, or a PostgreSQL that several agents share. Not set: lineside.db in `data_dir`. It is opened where a route has
        /// `idempotency`.
        url: Option<ProbeUrl> = None => "\"postgres://lineside@db:5432/lineside\"";
        /// The password to log in with.
        password: Option<Secret> = None => "{ env = \"STORE_PASSWORD\" }";
        /// TLS towards PostgreSQL. Not set: the well-known public authorities.
        tls: Option<ClientTls> = None;
        /// Whether the agent migrates the database when it starts. If not, it refuses to start on one that is not up to date.
        migrate: bool = true;
        /// Connections to PostgreSQL at the same time. SQLite has one writer, and gets one.
        max_connections: u32 = 8, within 1..=1000;
        /// How long a question may take, the wait for a connection included. Requests with a key are refused when it takes longer.
        timeout: Duration = secs(5), within millis(1)..=minutes(10);
        /// How often what has ended is swept away.
        sweep_every: Duration = minutes(5), within secs(1)..=hours(24);
    }
}
