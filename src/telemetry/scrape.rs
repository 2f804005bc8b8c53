//! The registry as Prometheus text 0.0.4; one family that cannot be written is left out alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Encoder, Registry, TextEncoder};

/// The media type of a scrape.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names that the plain translation gives but Prometheus reserves, and the classic names instead.
///
/// `_count` belongs to histograms and summaries; `promtool check metrics` rejects it elsewhere.
const RENAMED: [(&str, &str); 2] = [
    ("process_thread_count", "process_threads"),
    ("process_unix_file_descriptor_count", "process_open_fds"),
];

/// Writes a registry as text.
#[derive(Clone)]
pub(super) struct Scraper {
    registry: Registry,
    left_out: Arc<AtomicU64>,
}

impl Scraper {
    pub(super) fn new(registry: Registry) -> Scraper {
        Scraper {
            registry,
            left_out: Arc::default(),
        }
    }

    /// How many families have been left out since the start.
    pub(super) fn left_out(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let left_out = Arc::clone(&self.left_out);
        move || left_out.load(Ordering::Relaxed)
    }

    pub(super) fn count_left_out(&self, left_out: u64) {
        self.left_out.fetch_add(left_out, Ordering::Relaxed);
    }

    /// All families by the names they are shown under, also those that cannot be written.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let families = self.registry.gather().into_iter();
        families.map(renamed).collect()
    }

    /// All families that can be written.
    pub(super) fn text(&self) -> String {
        self.encode(self.families())
    }

    fn encode(&self, families: Vec<MetricFamily>) -> String {
        let mut text = Vec::with_capacity(16 * 1024);
        for family in families {
            let whole = text.len();
            if !append(family, &mut text) {
                text.truncate(whole);
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Whether `family` was written. The encoder panics on untyped families and fails on empty ones.
fn append(family: MetricFamily, text: &mut Vec<u8>) -> bool {
    let writable = family.get_field_type() != MetricType::UNTYPED;
    writable && TextEncoder::new().encode(&[family], text).is_ok()
}

fn renamed(mut family: MetricFamily) -> MetricFamily {
    if let Some((_, classic)) = RENAMED.iter().find(|(name, _)| *name == family.name()) {
        family.set_name((*classic).to_owned());
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, value: f64) -> MetricFamily {
        let mut counter = prometheus::proto::Counter::default();
        counter.set_value(value);
        let mut metric = prometheus::proto::Metric::default();
        metric.set_counter(counter);
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(vec![metric]);
        family
    }

    fn empty(name: &str) -> MetricFamily {
        let mut family = counter(name, 0.0);
        family.set_metric(Vec::new());
        family
    }

    fn untyped(name: &str) -> MetricFamily {
        let mut family = counter(name, 1.0);
        family.set_field_type(MetricType::UNTYPED);
        family
    }

    /// Scenario: an empty, an untyped and a nameless family stand between two good ones.
    /// Guarantees: both good ones are shown whole, and the three others are counted.
    #[test]
    fn a_bad_family_is_left_out_alone() {
        let scraper = Scraper::new(Registry::new());
        let families = vec![
            counter("a_total", 1.0),
            empty("b"),
            untyped("c"),
            counter("", 1.0),
            counter("d_total", 2.0),
        ];
        let text = scraper.encode(families);
        assert_eq!(
            text,
            "# TYPE a_total counter\na_total 1\n# TYPE d_total counter\nd_total 2\n"
        );
        assert_eq!(scraper.left_out()(), 3);
    }

    /// Scenario: the thread count under its translated name.
    /// Guarantees: it is shown under the name that Prometheus' own linter accepts.
    #[test]
    fn reserved_suffixes_are_renamed() {
        let registry = Registry::new();
        let threads = prometheus::Gauge::new("process_thread_count", "Threads").unwrap();
        threads.set(3.0);
        registry.register(Box::new(threads)).unwrap();
        let scraper = Scraper::new(registry);
        assert_eq!(scraper.families()[0].name(), "process_threads");
        let text = scraper.text();
        assert!(text.contains("process_threads 3"), "{text}");
    }
}
