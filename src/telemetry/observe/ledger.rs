//! `lineside.items.*`, `lineside.intake.items` and `lineside.intake.turned_away`.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::shared::Shared;
use super::{of_export, signed};
use crate::telemetry::names;
use crate::telemetry::readings::{ItemsReading, LedgerReading};

/// Registers the ledger's instruments.
pub(in crate::telemetry) fn ledger(
    meter: &Meter,
    read: impl Fn() -> LedgerReading + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    items_counter(
        meter,
        names::ITEMS_RECEIVED,
        "Items taken in.",
        true,
        &shared,
        |items| items.received,
    );
    items_counter(
        meter,
        names::ITEMS_DELIVERED,
        "Items the destination accepted.",
        false,
        &shared,
        |items| items.delivered,
    );
    items_counter(
        meter,
        names::ITEMS_REFUSED,
        "Items the destination refused for good.",
        false,
        &shared,
        |items| items.refused,
    );
    items_waiting(meter, &shared);
    items_dropped(meter, &shared);
    taken_in(meter, Arc::clone(&shared));
    turned_away(meter, shared);
}

fn items_counter(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    first: bool,
    shared: &Arc<Shared<LedgerReading>>,
    value: fn(&ItemsReading) -> u64,
) {
    let shared = Arc::clone(shared);
    meter
        .u64_observable_counter(name)
        .with_unit("{item}")
        .with_description(description)
        .with_callback(move |observer| {
            let reading = if first { shared.fresh() } else { shared.same() };
            for items in &reading.items {
                observer.observe(value(items), &of_items(items));
            }
        })
        .build();
}

fn items_waiting(meter: &Meter, shared: &Arc<Shared<LedgerReading>>) {
    let shared = Arc::clone(shared);
    meter
        .i64_observable_up_down_counter(names::ITEMS_WAITING)
        .with_unit("{item}")
        .with_description("Items that wait for delivery.")
        .with_callback(move |observer| {
            for items in &shared.same().items {
                observer.observe(signed(items.waiting), &of_items(items));
            }
        })
        .build();
}

fn items_dropped(meter: &Meter, shared: &Arc<Shared<LedgerReading>>) {
    let shared = Arc::clone(shared);
    meter
        .u64_observable_counter(names::ITEMS_DROPPED)
        .with_unit("{item}")
        .with_description("Items given up, by reason.")
        .with_callback(move |observer| {
            for items in &shared.same().items {
                observe_dropped(observer, items);
            }
        })
        .build();
}

fn observe_dropped(observer: &dyn AsyncInstrument<u64>, items: &ItemsReading) {
    let [export, signal] = of_items(items);
    for (reason, count) in &items.dropped {
        let reason = KeyValue::new(names::REASON, *reason);
        observer.observe(*count, &[export.clone(), signal.clone(), reason]);
    }
}

fn taken_in(meter: &Meter, shared: Arc<Shared<LedgerReading>>) {
    meter
        .u64_observable_counter(names::INTAKE_ITEMS)
        .with_unit("{item}")
        .with_description("Items taken in, whatever exports select them.")
        .with_callback(move |observer| {
            for (signal, items) in &shared.same().taken_in {
                observer.observe(*items, &[KeyValue::new(names::SIGNAL, signal.name())]);
            }
        })
        .build();
}

fn turned_away(meter: &Meter, shared: Arc<Shared<LedgerReading>>) {
    meter
        .u64_observable_counter(names::INTAKE_TURNED_AWAY)
        .with_unit("{request}")
        .with_description("Requests the intake turned away, by reason.")
        .with_callback(move |observer| {
            for turned_away in &shared.same().turned_away {
                let signal = KeyValue::new(names::SIGNAL, turned_away.signal.name());
                let reason = KeyValue::new(names::REASON, turned_away.reason);
                observer.observe(turned_away.requests, &[signal, reason]);
            }
        })
        .build();
}

fn of_items(items: &ItemsReading) -> [KeyValue; 2] {
    [
        of_export(&items.export),
        KeyValue::new(names::SIGNAL, items.signal.name()),
    ]
}
