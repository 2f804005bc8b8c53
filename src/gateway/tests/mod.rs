//! The gateway's own side: what a request becomes on its way, and whole gateways between scripted callers and upstreams.

mod framing;
mod guards;
mod headers;
mod paths;
mod refusals;
mod replays;
mod rig;
mod routing;
mod shutdown;
mod websockets;

use crate::config::{Endpoint, RouteSettings};
use crate::gateway::plan::Plan;
use crate::telemetry::{Settings, Telemetry};

/// The plan of a route to `upstream`, with what `change` makes of its settings.
fn plan(upstream: &str, change: impl FnOnce(&mut RouteSettings)) -> Plan {
    let mut settings = RouteSettings::new(Endpoint::parse(upstream).unwrap());
    change(&mut settings);
    Plan::of("test", &settings).unwrap()
}

/// Telemetry that goes nowhere, so that nothing is waited for when it ends.
fn telemetry() -> Telemetry {
    let settings = Settings {
        otlp: false,
        ..Settings::default()
    };
    Telemetry::build(&settings).unwrap()
}
