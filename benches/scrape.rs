//! What a scrape costs beside the `prometheus` crate's gather and text encoder, over the same series in the same run.
//!
//! `cargo bench --bench scrape`. 100,000 counters and gauges, then 100,000 lines of histograms, with the labels that a
//! service behind an SDK has. Times are medians; allocations are those of one answer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lineside::series::exposition::{Format, Offer, Request, compress, expose};
use lineside::series::naming::MetricKind;
use lineside::series::store::{
    Bounds, FamilySpec, Histogram, Limits, Lineage, Moment, NewSeries, Store, Value,
};
use prometheus::{CounterVec, Encoder, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};

/// Counts allocations on their way to the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[allow(unsafe_code)]
// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 21;
const FAMILIES: usize = 50;
const SERIES: usize = 100_000;
const BOUNDS: [f64; 15] = [
    0.0, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Buckets, sum and count.
const LINES_PER_HISTOGRAM: usize = BOUNDS.len() + 3;
const LABELS: [&str; 6] = [
    "http_request_method",
    "http_response_status_code",
    "http_route",
    "instance",
    "job",
    "otel_scope_name",
];

fn main() {
    println!("numbers: {SERIES} series in {FAMILIES} families");
    compare(&counters_in_registry(), &counters_in_store());
    let histograms = SERIES / LINES_PER_HISTOGRAM;
    println!("histograms: {histograms} series, {LINES_PER_HISTOGRAM} lines each");
    compare(
        &histograms_in_registry(histograms),
        &histograms_in_store(histograms),
    );
}

fn compare(registry: &Registry, store: &Store) {
    let reference = measure("prometheus gather + text", None, |out| {
        let _ = TextEncoder::new().encode(&registry.gather(), out);
    });
    for (what, format) in [
        ("text 0.0.4", Format::Text004),
        ("OpenMetrics 1.0.0", Format::OpenMetrics100),
        ("protobuf", Format::Protobuf),
    ] {
        let request = Request {
            offer: Offer {
                format,
                escaping: None,
            },
            created: false,
        };
        measure(what, Some(reference), |out| {
            expose(store, &[], request, out);
        });
    }
    let mut text = Vec::new();
    let request = Request {
        offer: Offer::PLAIN,
        created: false,
    };
    expose(store, &[], request, &mut text);
    let text = Bytes::from(text);
    measure("gzip of the text alone", Some(reference), |out| {
        if let Ok(gzip) = compress(text.clone()) {
            out.extend_from_slice(&gzip);
        }
    });
}

/// Prints the median of what `write` takes, into a buffer that has its size from the answer before.
fn measure(
    what: &str,
    reference: Option<Duration>,
    mut write: impl FnMut(&mut Vec<u8>),
) -> Duration {
    let mut out = Vec::new();
    write(&mut out);
    let mut times = Vec::with_capacity(ROUNDS);
    let mut allocations = 0;
    for _ in 0..ROUNDS {
        out.clear();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        write(&mut out);
        times.push(start.elapsed());
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
    times.sort_unstable();
    let median = times[ROUNDS / 2];
    let share = reference.map_or(1.0, |all| median.as_secs_f64() / all.as_secs_f64());
    println!(
        "  {what:26} {:8.2} ms  {:6.1} %  {allocations:8} allocations  {:6.2} MB",
        median.as_secs_f64() * 1e3,
        share * 100.0,
        out.len() as f64 / 1e6,
    );
    median
}

/// The values of the labels of one series, in their order.
fn values(series: usize) -> [String; 6] {
    [
        ["GET", "POST", "PUT", "DELETE"][series % 4].to_owned(),
        ["200", "404", "500"][series % 3].to_owned(),
        format!("/api/v1/customers/{{id}}/orders/{series}"),
        format!("instance-{}", series % 10),
        "shop/checkout".to_owned(),
        "http.server".to_owned(),
    ]
}

fn number(family: usize, series: usize) -> f64 {
    match family % 2 {
        0 => (series * 977 + family) as f64,
        _ => (series * 977 + family) as f64 / 1024.0,
    }
}

fn family_name(family: usize) -> String {
    format!("http_server_activity_{family}_total")
}

fn counters_in_registry() -> Registry {
    let registry = Registry::new();
    for family in 0..FAMILIES {
        let opts = Opts::new(family_name(family), "What happened");
        let counter = CounterVec::new(opts, &LABELS).expect("a valid name");
        for series in 0..SERIES / FAMILIES {
            let values = values(series);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            counter
                .with_label_values(&values)
                .inc_by(number(family, series));
        }
        registry
            .register(Box::new(counter))
            .expect("a name of its own");
    }
    registry
}

fn histograms_in_registry(count: usize) -> Registry {
    let registry = Registry::new();
    let opts = HistogramOpts::new("http_server_request_duration_seconds", "How long it took")
        .buckets(BOUNDS.to_vec());
    let histogram = HistogramVec::new(opts, &LABELS).expect("a valid name");
    for series in 0..count {
        let values = values(series);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let one = histogram.with_label_values(&values);
        observations(series).for_each(|value| one.observe(value));
    }
    registry
        .register(Box::new(histogram))
        .expect("a name of its own");
    registry
}

fn observations(series: usize) -> impl Iterator<Item = f64> {
    (0..20).map(move |at| ((series * 31 + at * 97) % 1200) as f64 / 100.0)
}

fn counters_in_store() -> Store {
    let mut store = empty_store();
    for family in 0..FAMILIES {
        let name = family_name(family);
        for series in 0..SERIES / FAMILIES {
            let value = Value::Double(number(family, series));
            insert(&mut store, (&name, MetricKind::Counter), series, value);
        }
    }
    store
}

fn histograms_in_store(count: usize) -> Store {
    let mut store = empty_store();
    let bounds = Arc::new(Bounds::new(&BOUNDS).expect("ascending bounds"));
    for series in 0..count {
        let mut histogram = Histogram::new(Arc::clone(&bounds));
        for value in observations(series) {
            histogram.observe(value);
        }
        let value = Value::Histogram(Box::new(histogram));
        let family = (
            "http_server_request_duration_seconds",
            MetricKind::Histogram,
        );
        insert(&mut store, family, series, value);
    }
    store
}

fn empty_store() -> Store {
    Store::new(Limits {
        series: 1_000_000,
        series_per_metric: 1_000_000,
        label_bytes: 4096,
        memory_bytes: usize::MAX,
    })
}

fn insert(store: &mut Store, (name, kind): (&str, MetricKind), series: usize, value: Value) {
    let spec = FamilySpec {
        name,
        kind,
        unit: "",
        help: "What happened",
    };
    let family = store.family(&spec).expect("a name of its own");
    let values = values(series);
    let pairs: Vec<_> = LABELS
        .iter()
        .zip(&values)
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    let place = store.place(&pairs[3..].join(","), 0);
    let labels = pairs[..3].join(",");
    let fingerprint = store
        .key()
        .of(format!("{name}{labels}{}", values[3]).as_bytes());
    let new = NewSeries {
        fingerprint,
        identity: 1,
        labels: labels.into(),
        family,
        place: Some(place),
        lineage: Lineage::Received,
        start_unix_nano: 1_700_000_000_000_000_000,
        value,
    };
    let now = Moment {
        unix_ms: 1_700_000_000_000,
    };
    store.insert(new, 0, now).expect("room for it");
}
