//! Instruments that are read when a collection asks: they cost nothing in between.

mod breakers;
mod ledger;
mod process;
mod series;
mod shared;

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

pub(super) use breakers::breakers;
pub(super) use ledger::ledger;
pub(super) use process::process;
pub(super) use series::series;
pub(super) use shared::Shared;

use super::names;
use super::readings::{ExportReading, JournalReading};

fn of_export(export: &Arc<str>) -> KeyValue {
    KeyValue::new(names::EXPORT, Arc::clone(export))
}

/// `lineside.intake.in_flight`.
pub(super) fn intake(meter: &Meter, bytes_in_use: impl Fn() -> u64 + Send + Sync + 'static) {
    let shared = Shared::new(bytes_in_use);
    let about = "Bytes of the intake's budget in use.";
    up_down(meter, names::INTAKE_IN_FLIGHT, "By", about, move || {
        signed(*shared.fresh())
    });
}

/// `lineside.journal.*`, apart from the commit durations.
pub(super) fn journal(meter: &Meter, read: impl Fn() -> JournalReading + Send + Sync + 'static) {
    let shared = Shared::new(read);
    let of = |value: fn(&JournalReading) -> u64| {
        let shared = Arc::clone(&shared);
        move || signed(value(&shared.same()))
    };
    let first = Arc::clone(&shared);
    up_down(
        meter,
        names::JOURNAL_SIZE,
        "By",
        "Bytes the journal takes on disk.",
        move || signed(first.fresh().size_bytes),
    );
    up_down(
        meter,
        names::JOURNAL_LIVE_SIZE,
        "By",
        "Bytes in the journal that an export still needs.",
        of(|journal| journal.live_size_bytes),
    );
    up_down(
        meter,
        names::JOURNAL_MAX_SIZE,
        "By",
        "The most bytes that may wait in the journal.",
        of(|journal| journal.limit_bytes),
    );
    up_down(
        meter,
        names::JOURNAL_SEGMENTS,
        "{segment}",
        "Segments of the journal.",
        of(|journal| journal.segments),
    );
    up_down(
        meter,
        names::JOURNAL_MEMORY,
        "By",
        "Bytes of memory the journal holds.",
        of(|journal| journal.memory_bytes),
    );
    let commits = Arc::clone(&shared);
    counter(
        meter,
        names::JOURNAL_COMMITS,
        "{commit}",
        "Group commits of the journal.",
        move || commits.same().commits,
    );
    counter(
        meter,
        names::JOURNAL_WRITE_ERRORS,
        "{error}",
        "Writes to the journal that failed.",
        move || shared.same().write_errors,
    );
}

/// `lineside.export.in_flight`, `lineside.export.oldest_waiting.age`.
pub(super) fn exports(
    meter: &Meter,
    read: impl Fn() -> Vec<ExportReading> + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    exports_in_flight(meter, Arc::clone(&shared));
    exports_oldest(meter, shared);
}

fn exports_in_flight(meter: &Meter, shared: Arc<Shared<Vec<ExportReading>>>) {
    meter
        .i64_observable_up_down_counter(names::EXPORT_IN_FLIGHT)
        .with_unit("{request}")
        .with_description("Export requests under way.")
        .with_callback(move |observer| {
            for export in shared.fresh().iter() {
                observer.observe(signed(export.in_flight), &[of_export(&export.export)]);
            }
        })
        .build();
}

fn exports_oldest(meter: &Meter, shared: Arc<Shared<Vec<ExportReading>>>) {
    meter
        .f64_observable_gauge(names::EXPORT_OLDEST_WAITING_AGE)
        .with_unit("s")
        .with_description("Age of the oldest batch that is not delivered.")
        .with_callback(move |observer| {
            for export in shared.same().iter() {
                observer.observe(export.oldest_waiting_age_s, &[of_export(&export.export)]);
            }
        })
        .build();
}

/// `lineside.scrape.left_out`.
pub(super) fn scrape(meter: &Meter, left_out: impl Fn() -> u64 + Send + Sync + 'static) {
    counter(
        meter,
        names::SCRAPE_LEFT_OUT,
        "{family}",
        "Metric families that scrapes left out because they could not be written.",
        left_out,
    );
}

fn up_down(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    read: impl Fn() -> i64 + Send + Sync + 'static,
) {
    meter
        .i64_observable_up_down_counter(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |observer| observer.observe(read(), &[]))
        .build();
}

fn counter(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    read: impl Fn() -> u64 + Send + Sync + 'static,
) {
    meter
        .u64_observable_counter(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |observer| observer.observe(read(), &[]))
        .build();
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
