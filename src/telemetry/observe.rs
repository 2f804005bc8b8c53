//! Instruments that are read when a collection asks: they cost nothing in between.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::names;
use super::process;
use super::readings::{ExportReading, ItemsReading, JournalReading, LedgerReading};

/// One reading that all instruments of a collection share, so that their values agree.
///
/// The SDK calls the callbacks of one collection one after the other in the order of their
/// registration; the first one reads, the others use what it read.
struct Shared<T> {
    read: Box<dyn Fn() -> T + Send + Sync>,
    last: Mutex<Option<Arc<T>>>,
}

impl<T> Shared<T> {
    fn new(read: impl Fn() -> T + Send + Sync + 'static) -> Arc<Shared<T>> {
        Arc::new(Shared {
            read: Box::new(read),
            last: Mutex::new(None),
        })
    }

    fn fresh(&self) -> Arc<T> {
        let reading = Arc::new((self.read)());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&reading));
        reading
    }

    fn same(&self) -> Arc<T> {
        let last = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        last.unwrap_or_else(|| self.fresh())
    }
}

/// `lineside.items.*` and `lineside.intake.turned_away`.
pub(super) fn ledger(meter: &Meter, read: impl Fn() -> LedgerReading + Send + Sync + 'static) {
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

fn of_export(export: &Arc<str>) -> KeyValue {
    KeyValue::new(names::EXPORT, Arc::clone(export))
}

/// `lineside.intake.in_flight`.
pub(super) fn intake(meter: &Meter, bytes_in_use: impl Fn() -> u64 + Send + Sync + 'static) {
    up_down(
        meter,
        names::INTAKE_IN_FLIGHT,
        "By",
        "Bytes of the intake's budget in use.",
        move || signed(bytes_in_use()),
    );
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

/// `lineside.export.in_flight`, `lineside.export.oldest_waiting.age`, `circuit_breaker.state`.
pub(super) fn exports(
    meter: &Meter,
    read: impl Fn() -> Vec<ExportReading> + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    exports_in_flight(meter, Arc::clone(&shared));
    exports_oldest(meter, Arc::clone(&shared));
    exports_breaker(meter, shared);
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

fn exports_breaker(meter: &Meter, shared: Arc<Shared<Vec<ExportReading>>>) {
    meter
        .u64_observable_gauge(names::CIRCUIT_BREAKER_STATE)
        .with_description("State of a circuit breaker: 0 closed, 1 open, 2 half-open.")
        .with_callback(move |observer| {
            for export in shared.same().iter() {
                let service = KeyValue::new(names::SERVICE, Arc::clone(&export.export));
                observer.observe(export.breaker.gauge(), &[service]);
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

/// `process.*` and `lineside.build_info`.
pub(super) fn process(meter: &Meter) {
    up_down(
        meter,
        names::PROCESS_MEMORY_USAGE,
        "By",
        "Resident memory of the process.",
        || signed(process::resident_bytes()),
    );
    up_down(
        meter,
        names::PROCESS_THREADS,
        "{thread}",
        "Threads of the process.",
        || signed(process::threads()),
    );
    up_down(
        meter,
        names::PROCESS_FILE_DESCRIPTORS,
        "{file_descriptor}",
        "Open file descriptors of the process.",
        || signed(process::open_files()),
    );
    process_cpu(meter);
    meter
        .f64_observable_gauge(names::PROCESS_UPTIME)
        .with_unit("s")
        .with_description("Time since the process started.")
        .with_callback(|observer| observer.observe(process::uptime().as_secs_f64(), &[]))
        .build();
    meter
        .u64_observable_gauge(names::BUILD_INFO)
        .with_description("Always 1; the version that runs is an attribute.")
        .with_callback(|observer| {
            observer.observe(
                1,
                &[KeyValue::new(names::VERSION, env!("CARGO_PKG_VERSION"))],
            )
        })
        .build();
}

fn process_cpu(meter: &Meter) {
    meter
        .f64_observable_counter(names::PROCESS_CPU_TIME)
        .with_unit("s")
        .with_description("CPU time the process has used.")
        .with_callback(|observer| {
            let cpu = process::cpu_time();
            observer.observe(cpu.user_s, &[KeyValue::new(names::CPU_MODE, "user")]);
            observer.observe(cpu.system_s, &[KeyValue::new(names::CPU_MODE, "system")]);
        })
        .build();
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
