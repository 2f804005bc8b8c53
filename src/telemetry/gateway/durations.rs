//! A histogram of durations whose attribute sets are looked up once.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram};

use crate::telemetry::ended::Ended;
use crate::telemetry::method::MethodName;
use crate::telemetry::names;

/// The statuses of one class, 200 to 299.
type Class = Box<[OnceLock<BoundHistogram<f64>>]>;

const CLASSES: usize = 5;
const STATUSES: usize = 100;

/// The durations of one route: for each method and status a histogram that is bound when it is first needed.
pub(super) struct Durations {
    histogram: Histogram<f64>,
    /// What all attribute sets begin with.
    attributes: Vec<KeyValue>,
    /// Statuses from this one on are errors.
    errors_from: u16,
    bound: [[OnceLock<Class>; CLASSES]; MethodName::COUNT],
}

impl Durations {
    pub(super) fn new(
        histogram: Histogram<f64>,
        attributes: Vec<KeyValue>,
        errors_from: u16,
    ) -> Durations {
        Durations {
            histogram,
            attributes,
            errors_from,
            bound: Default::default(),
        }
    }

    pub(super) fn record(&self, method: MethodName, ended: Ended, took: Duration) {
        let took_s = took.as_secs_f64();
        match self.place(method, ended) {
            Some(place) => place
                .get_or_init(|| self.histogram.bind(&self.attributes(method, ended)))
                .record(took_s),
            None => self
                .histogram
                .record(took_s, &self.attributes(method, ended)),
        }
    }

    /// Where the histogram of answers stands that speak for themselves.
    fn place(&self, method: MethodName, ended: Ended) -> Option<&OnceLock<BoundHistogram<f64>>> {
        let Ended::Status(status) = ended else {
            return None;
        };
        let status = usize::from(status.as_u16());
        let class = self.bound[method.index()].get((status / STATUSES).checked_sub(1)?)?;
        let class = class.get_or_init(|| (0..STATUSES).map(|_| OnceLock::new()).collect());
        class.get(status % STATUSES)
    }

    fn attributes(&self, method: MethodName, ended: Ended) -> Vec<KeyValue> {
        let mut attributes = self.attributes.clone();
        attributes.push(KeyValue::new(names::HTTP_METHOD, method.as_str()));
        attributes.extend(ended.status());
        attributes.extend(ended.error(self.errors_from));
        attributes
    }
}
