//! `lineside.series.*`.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::shared::Shared;
use super::{counter, signed, up_down};
use crate::telemetry::names;
use crate::telemetry::readings::SeriesReading;

/// Registers the instruments of the series.
pub(in crate::telemetry) fn series(
    meter: &Meter,
    read: impl Fn() -> SeriesReading + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    let first = Arc::clone(&shared);
    up_down(
        meter,
        names::SERIES_ACTIVE,
        "{series}",
        "Series that are kept.",
        move || signed(first.fresh().series),
    );
    levels(meter, &shared);
    counts(meter, &shared);
    faulty(meter, shared);
}

fn levels(meter: &Meter, shared: &Arc<Shared<SeriesReading>>) {
    let level = |name, unit, about, value: fn(&SeriesReading) -> u64| {
        let shared = Arc::clone(shared);
        up_down(meter, name, unit, about, move || {
            signed(value(&shared.same()))
        });
    };
    level(
        names::SERIES_LIMIT,
        "{series}",
        "The most series that may be kept.",
        |series| series.limit,
    );
    level(
        names::SERIES_FAMILIES,
        "{family}",
        "Metric families that are kept.",
        |series| series.families,
    );
    level(
        names::SERIES_MEMORY,
        "By",
        "Memory that series use, roughly.",
        |series| series.memory_bytes,
    );
    level(
        names::SERIES_QUEUE_SIZE,
        "By",
        "Requests that wait to be added to the series.",
        |series| series.queue_bytes,
    );
    level(
        names::SERIES_CONTINUITY_SIZE,
        "By",
        "The file that lets counters go on after a restart.",
        |series| series.continuity_bytes,
    );
}

fn counts(meter: &Meter, shared: &Arc<Shared<SeriesReading>>) {
    let count = |name, unit, about, value: fn(&SeriesReading) -> u64| {
        let shared = Arc::clone(shared);
        counter(meter, name, unit, about, move || value(&shared.same()));
    };
    count(
        names::SERIES_EXPIRED,
        "{series}",
        "Series that ended for want of points.",
        |series| series.expired,
    );
    count(
        names::SERIES_REQUESTS_MISSED,
        "{request}",
        "Requests that came when the series were closed.",
        |series| series.missed,
    );
    count(
        names::SERIES_CONTINUITY_ERRORS,
        "{error}",
        "Failed attempts to write the file that lets counters go on after a restart.",
        |series| series.continuity_errors,
    );
}

fn faulty(meter: &Meter, shared: Arc<Shared<SeriesReading>>) {
    meter
        .u64_observable_counter(names::SERIES_POINTS_FAULTY)
        .with_unit("{point}")
        .with_description("Points that were not taken, or not as they came.")
        .with_callback(move |observer| {
            for (reason, points) in &shared.same().faulty {
                observer.observe(*points, &[KeyValue::new(names::REASON, *reason)]);
            }
        })
        .build();
}
