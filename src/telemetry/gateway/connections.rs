//! Open connections to upstreams.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::route::RouteInstruments;
use crate::telemetry::names;
use crate::telemetry::observe::Shared;

/// The connections of one route to its upstream at one moment.
#[derive(Clone, Debug)]
pub struct ConnectionsReading {
    /// The route's instruments, which know its name and upstream.
    pub route: RouteInstruments,
    /// Those that carry something.
    pub active: usize,
    /// Those that wait for a request.
    pub idle: usize,
}

/// `http.client.open_connections` (semantic conventions for HTTP).
pub(in crate::telemetry) fn observe(
    meter: &Meter,
    read: impl Fn() -> Vec<ConnectionsReading> + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    meter
        .i64_observable_up_down_counter(names::HTTP_CLIENT_OPEN_CONNECTIONS)
        .with_unit("{connection}")
        .with_description("Open connections to upstreams.")
        .with_callback(move |observer| {
            for reading in shared.fresh().iter() {
                let mut attributes = reading.route.labels().client_metric();
                for (state, count) in [("active", reading.active), ("idle", reading.idle)] {
                    attributes.push(KeyValue::new(names::HTTP_CONNECTION_STATE, state));
                    observer.observe(i64::try_from(count).unwrap_or(i64::MAX), &attributes);
                    attributes.pop();
                }
            }
        })
        .build();
}
