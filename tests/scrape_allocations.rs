//! A scrape allocates for families, never for series. A program of its own, because it counts what the allocator is asked
//! for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use lineside::series::exposition::{Exposed, Format, Offer, Request, expose};
use lineside::series::naming::MetricKind;
use lineside::series::store::{
    Bounds, Buckets, Exemplar, Exponential, FamilySpec, Histogram, Limits, Lineage, Moment,
    NewSeries, Store, Summary, Value,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // While a thread ends there is no counter, and nothing to count.
    let _ = ALLOCATIONS.try_with(|all| all.set(all.get() + 1));
}

#[allow(unsafe_code)]
// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Scenario: stores of 1,000 and of 100,000 series of every kind, with exemplars and labels that have escapes, scraped in
/// every format into a buffer of the size of the answer before.
/// Guarantees: the larger one takes hardly an allocation more.
#[test]
fn a_scrape_does_not_allocate_for_series() {
    let (small, large) = (store_of(1_000), store_of(100_000));
    for format in Format::ALL {
        let few = allocations(&small, format, 1_000);
        let many = allocations(&large, format, 100_000);
        assert!(
            many < few + 64,
            "{format:?}: {few} for 1,000 series, {many} for 100,000"
        );
    }
}

fn allocations(store: &Store, format: Format, series: usize) -> u64 {
    let offer = Offer {
        format,
        escaping: None,
    };
    let request = Request {
        offer,
        created: true,
    };
    let mut out = Vec::new();
    expose(store, &[], request, &mut out);
    out.clear();
    let before = ALLOCATIONS.get();
    let exposed = expose(store, &[], request, &mut out);
    let after = ALLOCATIONS.get();
    assert_eq!(
        exposed,
        Exposed {
            series,
            left_out: 0
        }
    );
    after - before
}

fn store_of(series: usize) -> Store {
    let mut store = Store::new(Limits {
        series,
        series_per_metric: series,
        label_bytes: 1024,
        memory_bytes: usize::MAX,
    });
    let bounds = Arc::new(Bounds::new(&[0.1, 1.0, 10.0]).expect("ascending bounds"));
    for number in 0..series {
        let (name, kind, value) = match number % 5 {
            0 => (
                "c_total",
                MetricKind::Counter,
                Value::Integer(number as i64),
            ),
            1 => ("g", MetricKind::Gauge, Value::Double(number as f64 / 3.0)),
            2 => ("h", MetricKind::Histogram, histogram(&bounds)),
            3 => ("e", MetricKind::Histogram, exponential()),
            _ => ("s", MetricKind::Summary, summary()),
        };
        insert(&mut store, (name, kind), number, value);
    }
    store
}

fn exemplar() -> Exemplar {
    Exemplar {
        value: 0.5,
        time_unix_nano: 1_700_000_000_000_000_000,
        trace_id: [1; 16],
        span_id: [2; 8],
        labels: r#"user="7""#.into(),
    }
}

fn histogram(bounds: &Arc<Bounds>) -> Value {
    let mut histogram = Histogram::new(Arc::clone(bounds));
    let bucket = histogram.observe(0.5);
    histogram.set_exemplar(bucket, exemplar());
    Value::Histogram(Box::new(histogram))
}

fn exponential() -> Value {
    Value::Exponential(Box::new(Exponential {
        scale: 2,
        positive: Buckets {
            offset: -4,
            counts: vec![1, 0, 2],
        },
        count: 3,
        sum: Some(1.5),
        exemplars: vec![exemplar()],
        ..Exponential::default()
    }))
}

fn summary() -> Value {
    let quantiles = [(0.5, 1.0), (0.99, 2.0)].into();
    Value::Summary(Box::new(Summary {
        count: 2,
        sum: 3.0,
        quantiles,
    }))
}

fn insert(store: &mut Store, (name, kind): (&str, MetricKind), number: usize, value: Value) {
    let spec = FamilySpec {
        name,
        kind,
        unit: "",
        help: "Help",
    };
    let family = store.family(&spec).expect("a name of its own");
    let labels = format!(r#"path="/\"quoted\"/{number}",z="1""#);
    let place = store.place(r#"job="shop",instance="a\\b""#, 0);
    let new = NewSeries {
        fingerprint: store.key().of(labels.as_bytes()),
        identity: number as u64 + 1,
        labels: labels.into(),
        family,
        place: Some(place),
        lineage: Lineage::Received,
        start_unix_nano: 1_700_000_000_000_000_000,
        value,
    };
    let id = store
        .insert(new, 0, Moment { unix_ms: 0 })
        .expect("room for it");
    if let Some(series) = store.get_mut(id) {
        series.exemplar = Some(Box::new(exemplar()));
    }
}
