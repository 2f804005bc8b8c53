//! What can be measured: the axes of the table.

use std::fmt;

use lineside::otlp::Signal;
use serde::{Deserialize, Serialize};

/// How requests travel, on both sides of the measured system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    Grpc,
    Http,
}

/// What is compressed on the way in and on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Plain requests, plain exports.
    Plain,
    /// Plain requests, gzip exports.
    Gzip,
    /// gzip requests, gzip exports: nothing needs to be deflated again.
    Passthrough,
}

/// Series that the store holds beside those of the load where load is filled or scraped.
pub const HELD_UNDER_LOAD: u64 = 100_000;

/// How load is offered, and what the sink does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Load {
    /// As many requests as 16 in flight allow.
    Saturate,
    /// 50,000 items/s on a schedule that waits for no answer.
    Steady,
    /// Steady, and the series' store holds [`HELD_UNDER_LOAD`] other series.
    Filled,
    /// Filled, and `/metrics` is scraped every second.
    Scraped,
    /// Steady, and the sink refuses every fourth export request with a retryable error.
    Refusing,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scenario {
    /// Load of one kind.
    Load {
        load: Load,
        transport: Transport,
        signal: SignalName,
        compression: Compression,
    },
    /// Ten seconds without traffic.
    Idle,
    /// From exec to ready.
    Start,
    /// The memory that series take which get no points.
    Hold,
}

/// A measured program and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum System {
    /// The floor: forwards whole requests as bytes, keeps nothing.
    Relay,
    /// Lineside with `journal.sync = "always"`, forwarding alone.
    LinesideAlways,
    /// Lineside with `journal.sync = "memory"`, forwarding alone.
    LinesideMemory,
    /// Lineside with its defaults: `journal.sync = "always"`, and every series is kept and derived.
    LinesideSeries,
    /// Rotel with its defaults.
    Rotel,
}

/// A [`Signal`] that serializes as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SignalName(pub Signal);

impl From<SignalName> for String {
    fn from(name: SignalName) -> String {
        name.0.name().to_owned()
    }
}

impl TryFrom<String> for SignalName {
    type Error = String;

    fn try_from(name: String) -> Result<SignalName, String> {
        let found = Signal::ALL.into_iter().find(|signal| signal.name() == name);
        found.map(SignalName).ok_or(name)
    }
}

impl Transport {
    pub const ALL: [Transport; 2] = [Transport::Grpc, Transport::Http];

    pub fn tag(self) -> &'static str {
        match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        }
    }
}

impl Compression {
    pub const ALL: [Compression; 3] = [
        Compression::Plain,
        Compression::Gzip,
        Compression::Passthrough,
    ];

    fn tag(self) -> &'static str {
        match self {
            Compression::Plain => "plain",
            Compression::Gzip => "gzip",
            Compression::Passthrough => "passthrough",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Compression::Plain => "plain → plain",
            Compression::Gzip => "plain → gzip",
            Compression::Passthrough => "gzip → gzip",
        }
    }

    /// Whether the load generator compresses its requests.
    pub fn gzip_in(self) -> bool {
        self == Compression::Passthrough
    }

    /// The compression that the measured system is told to export with.
    pub fn export(self) -> &'static str {
        if self == Compression::Plain {
            "none"
        } else {
            "gzip"
        }
    }
}

impl Load {
    pub fn tag(self) -> &'static str {
        match self {
            Load::Saturate => "saturate",
            Load::Steady => "steady",
            Load::Filled => "filled",
            Load::Scraped => "scraped",
            Load::Refusing => "refusing",
        }
    }

    /// Items a second, where load is paced.
    pub fn items_per_second(self) -> Option<u32> {
        (self != Load::Saturate).then_some(50_000)
    }

    /// Whether the store holds [`HELD_UNDER_LOAD`] further series.
    pub fn fills(self) -> bool {
        matches!(self, Load::Filled | Load::Scraped)
    }

    /// Which export requests the sink refuses: every n-th.
    pub fn refuse_every(self) -> Option<u64> {
        (self == Load::Refusing).then_some(4)
    }
}

impl System {
    pub const ALL: [System; 5] = [
        System::Relay,
        System::LinesideAlways,
        System::LinesideMemory,
        System::LinesideSeries,
        System::Rotel,
    ];

    pub fn is_lineside(self) -> bool {
        !matches!(self, System::Relay | System::Rotel)
    }

    /// Whether success means that the bytes are on disk.
    pub fn is_durable(self) -> bool {
        matches!(self, System::LinesideAlways | System::LinesideSeries)
    }
}

impl Scenario {
    /// Every scenario, in table order.
    pub fn all() -> impl Iterator<Item = Scenario> {
        let saturate = Compression::ALL.into_iter().flat_map(|compression| {
            Transport::ALL.into_iter().flat_map(move |transport| {
                Signal::ALL.into_iter().map(move |signal| {
                    Scenario::load(Load::Saturate, transport, signal, compression)
                })
            })
        });
        let loads = [Load::Steady, Load::Filled, Load::Scraped, Load::Refusing];
        let paced = loads.into_iter().flat_map(|load| {
            let transports = Transport::ALL.into_iter();
            transports.map(move |transport| Scenario::paced(load, transport))
        });
        saturate
            .chain(paced)
            .chain([Scenario::Idle, Scenario::Start, Scenario::Hold])
    }

    /// Load on a schedule, which is measured with spans alone.
    pub fn paced(load: Load, transport: Transport) -> Scenario {
        Scenario::load(load, transport, Signal::Traces, Compression::Plain)
    }

    fn load(
        load: Load,
        transport: Transport,
        signal: Signal,
        compression: Compression,
    ) -> Scenario {
        Scenario::Load {
            load,
            transport,
            signal: SignalName(signal),
            compression,
        }
    }

    /// Every word that `--only` takes, in groups of which a scenario has one word each.
    const TAGS: [&[&str]; 4] = [
        &["grpc", "http"],
        &["traces", "metrics", "logs"],
        &["plain", "gzip", "passthrough"],
        &[
            "saturate", "steady", "filled", "scraped", "refusing", "idle", "start", "hold",
        ],
    ];

    /// Whether every group of tags that `only` names something from holds one of this scenario's.
    pub fn matches(&self, only: &[String]) -> bool {
        let tags = self.tags();
        Scenario::TAGS.iter().all(|group| {
            let mut wanted = only
                .iter()
                .filter(|word| group.contains(&word.as_str()))
                .peekable();
            wanted.peek().is_none() || wanted.any(|word| tags.contains(&word.as_str()))
        })
    }

    /// Whether `--only` takes `word`.
    pub fn has_tag(word: &str) -> bool {
        Scenario::TAGS.iter().any(|group| group.contains(&word))
    }

    fn tags(&self) -> Vec<&'static str> {
        match self {
            Scenario::Load {
                load,
                transport,
                signal,
                compression,
            } => {
                vec![
                    load.tag(),
                    transport.tag(),
                    signal.0.name(),
                    compression.tag(),
                ]
            }
            Scenario::Idle => vec!["idle"],
            Scenario::Start => vec!["start"],
            Scenario::Hold => vec!["hold"],
        }
    }

    /// Whether the scenario means anything for `system`: a byte relay does not compress and does not
    /// retry, series are kept by one system alone, and cost it the same whatever becomes of the bytes.
    pub fn suits(&self, system: System) -> bool {
        let (load, compression) = match self {
            Scenario::Load {
                load, compression, ..
            } => (*load, *compression),
            Scenario::Hold => return system == System::LinesideSeries,
            Scenario::Idle | Scenario::Start => return true,
        };
        match system {
            System::Relay => {
                matches!(load, Load::Saturate | Load::Steady) && compression != Compression::Gzip
            }
            System::LinesideSeries => load != Load::Refusing && compression == Compression::Plain,
            _ => !load.fills(),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scenario::Load {
                load,
                transport,
                signal,
                compression,
            } => {
                let transport = if *transport == Transport::Grpc {
                    "gRPC"
                } else {
                    "HTTP"
                };
                let prefix = if *load == Load::Saturate {
                    ""
                } else {
                    load.tag()
                };
                let text = format!(
                    "{prefix} {transport} {} {}",
                    signal.0,
                    compression.describe()
                );
                f.write_str(text.trim_start())
            }
            Scenario::Idle => f.write_str("idle"),
            Scenario::Start => f.write_str("start"),
            Scenario::Hold => f.write_str("hold"),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            System::Relay => "relay (floor)",
            System::LinesideAlways => "Lineside, sync = always",
            System::LinesideMemory => "Lineside, sync = memory",
            System::LinesideSeries => "Lineside, sync = always, series",
            System::Rotel => "Rotel",
        })
    }
}
