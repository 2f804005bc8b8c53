//! The sections about the agent itself: `[api]`, `[telemetry]`, `[ledger]`, `[shutdown]`.

use std::net::SocketAddr;
use std::time::Duration;

use super::receive::{ServerTls, loopback};
use crate::config::secret::Secret;
use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, secs};

section! {
    /// The HTTP face.
    pub struct ApiSettings {
        /// The address to listen on. Port 0 takes any free port.
        listen: SocketAddr = loopback(2271);
        /// Connections at the same time.
        max_connections: u32 = 256, within 1..=1_000_000;
        /// The greatest request body.
        max_body: ByteSize = ByteSize::mib(1), within ByteSize::kib(1)..=ByteSize::gib(1);
        /// How long a client may take to send the header of a request.
        header_timeout: Duration = secs(10), within millis(1)..=hours(1);
        /// How long a connection may stand without a request before it is closed.
        idle_timeout: Duration = secs(75), within millis(1)..=hours(24);
        /// A token that callers present as `Authorization: Bearer …` to see details and to run probes. On a loopback address
        /// neither needs it; beyond, nobody sees details without.
        token: Option<Secret> = None => "{ env = \"API_TOKEN\" }";
        /// TLS on this listener. Not set: plain.
        tls: Option<ServerTls> = None;
    }
}

choice! {
    /// How log lines are written.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

section! {
    /// The agent's own telemetry.
    pub struct TelemetrySettings {
        /// The agent's `service.name`.
        service_name: String = "lineside".to_owned();
        /// Whether the agent's own meters, spans and logs go through its intake to the exports. /metrics shows the meters either way.
        export_own: bool = true;
        /// The time between two exports of the agent's own meters.
        metrics_every: Duration = secs(60), within secs(1)..=hours(1);
        /// The share of the agent's own traces that is kept, from 0 (none) to 1 (all). A caller's decision comes first.
        trace_ratio: f64 = 0.01, within 0.0..=1.0;
        /// What is logged: a level (error, warn, info, debug, trace), or directives as "info,lineside::export=debug".
        log: String = "info".to_owned();
        /// How log lines are written: `text` or `json`.
        log_format: LogFormat = LogFormat::Text;
    }
}

section! {
    /// The account of every item.
    pub struct LedgerSettings {
        /// How many values of service.name are counted by themselves; the items of any further ones are counted together.
        services: u32 = 100, within 1..=100_000;
    }
}

section! {
    /// How the agent stops.
    pub struct ShutdownSettings {
        /// How long requests in flight may take to end.
        drain: Duration = secs(5), within millis(0)..=hours(1);
        /// After this time the agent stops at once, whatever still runs. At least `drain`.
        deadline: Duration = secs(30), within millis(1)..=hours(1);
    }
}
