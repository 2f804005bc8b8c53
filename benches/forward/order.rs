//! How this program starts itself in another role, and the lines that the roles exchange.
//!
//! A role reads its order as JSON from the command line and answers in JSON lines on stdout. It ends
//! when its stdin closes, so that none outlives the bench.

use serde::{Deserialize, Serialize};

use crate::scenario::{SignalName, Transport};
use crate::{Fallible, load, relay, sink};

/// The first argument of a process in a role; the order follows it.
pub const ROLE_FLAG: &str = "--role";

/// What a process in a role is to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    Load(LoadOrder),
    Sink(SinkOrder),
    Relay(RelayOrder),
}

/// Sends requests to `port`: first to warm up, then, once told to go, to be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadOrder {
    pub transport: Transport,
    pub signal: SignalName,
    pub gzip: bool,
    pub port: u16,
    pub in_flight: usize,
    /// Items a second on a fixed schedule; `None` sends again as soon as an answer is there.
    pub items_per_second: Option<u32>,
    pub warm_up_ms: u64,
    pub window_ms: u64,
}

/// Accepts export requests, counts what they hold and answers success, or refuses every n-th.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SinkOrder {
    pub transport: Transport,
    pub refuse_every: Option<u64>,
}

/// Forwards every request that arrives to `sink_port`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RelayOrder {
    pub transport: Transport,
    pub listen_port: u16,
    pub sink_port: u16,
}

/// First line of a role that listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listening {
    pub port: u16,
}

/// What the load generator saw in one phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LoadSeen {
    pub started_unix_us: u64,
    pub elapsed_s: f64,
    /// Items whose request was answered with full success.
    pub accepted_items: u64,
    pub accepted_requests: u64,
    pub refused_requests: u64,
    pub failed_requests: u64,
    /// The text of one failure or refusal, if there was one.
    pub example: Option<String>,
    /// Mean length of a request on the wire, without framing.
    pub request_bytes: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// What has arrived at the sink since it started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SinkSeen {
    pub requests: u64,
    pub refused: u64,
    pub unreadable: u64,
    /// Items of accepted requests, by `Signal::index`.
    pub items: [u64; 3],
    pub identity: u64,
    pub gzip: u64,
    pub zstd: u64,
    pub wire_bytes: u64,
    pub inflated_bytes: u64,
    pub last_arrival_unix_us: u64,
}

impl Order {
    /// The order in this process's arguments, `None` when it is the bench itself.
    pub fn from_args() -> Option<Fallible<Order>> {
        let mut args = std::env::args().skip(1);
        (args.next()? == ROLE_FLAG).then(|| {
            Ok(serde_json::from_str(
                &args.next().ok_or("no order follows --role")?,
            )?)
        })
    }

    /// Does what the order says until stdin closes.
    pub fn obey(self) -> Fallible<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        match self {
            Order::Load(order) => load::run(&runtime, &order),
            Order::Sink(order) => sink::run(&runtime, &order),
            Order::Relay(order) => relay::run(&runtime, order),
        }
    }
}

/// Writes one line to whoever started this process.
pub fn say(line: &impl Serialize) -> Fallible<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

/// Waits for a line from whoever started this process; `false` once it is gone.
pub fn wait_for_line() -> Fallible<bool> {
    Ok(std::io::stdin().read_line(&mut String::new())? > 0)
}

/// Microseconds since the Unix epoch: what two processes on one machine agree on.
pub fn unix_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

impl SinkSeen {
    /// What has arrived since `earlier`.
    pub fn since(&self, earlier: &SinkSeen) -> SinkSeen {
        SinkSeen {
            requests: self.requests - earlier.requests,
            refused: self.refused - earlier.refused,
            unreadable: self.unreadable - earlier.unreadable,
            items: std::array::from_fn(|index| self.items[index] - earlier.items[index]),
            identity: self.identity - earlier.identity,
            gzip: self.gzip - earlier.gzip,
            zstd: self.zstd - earlier.zstd,
            wire_bytes: self.wire_bytes - earlier.wire_bytes,
            inflated_bytes: self.inflated_bytes - earlier.inflated_bytes,
            last_arrival_unix_us: self.last_arrival_unix_us,
        }
    }

    /// The codings in which requests came.
    pub fn codings(&self) -> String {
        let codings = [
            ("identity", self.identity),
            ("gzip", self.gzip),
            ("zstd", self.zstd),
        ];
        let seen = codings.into_iter().filter(|(_, requests)| *requests > 0);
        seen.map(|(name, _)| name).collect::<Vec<_>>().join(" and ")
    }
}
