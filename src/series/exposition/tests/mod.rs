//! The formats held against the specification, and read back by readers of their own.

mod compressed;
mod conflicts;
mod escaping;
mod formats;
mod json;
mod native;
mod negotiation;
mod protobuf;
mod reader;
mod round_trip;

use super::{Exposed, Format, Offer, OwnFamily, Request, expose};
use crate::series::naming::{Escaping, MetricKind};
use crate::series::store::{
    Exemplar, FamilyId, FamilySpec, Limits, Lineage, Moment, NewSeries, SeriesId, Store, Value,
};

/// 2023-11-14 22:13:20, when everything here began.
const START: u64 = 1_700_000_000_000_000_000;

/// A store and how it is asked.
struct Rig {
    store: Store,
    own: Vec<OwnFamily>,
}

impl Rig {
    fn new() -> Rig {
        let limits = Limits {
            series: 100_000,
            series_per_metric: 100_000,
            label_bytes: 4096,
            memory_bytes: usize::MAX,
        };
        Rig {
            store: Store::new(limits),
            own: Vec::new(),
        }
    }

    fn family(&mut self, name: &str, kind: MetricKind, unit: &str, help: &str) -> FamilyId {
        let spec = FamilySpec {
            name,
            kind,
            unit,
            help,
        };
        self.store.family(&spec).unwrap()
    }

    /// A series in a family without unit and help.
    fn add(&mut self, name: &str, kind: MetricKind, labels: &str, value: Value) -> SeriesId {
        let family = self.family(name, kind, "", "");
        self.add_to(family, labels, value)
    }

    fn add_to(&mut self, family: FamilyId, labels: &str, value: Value) -> SeriesId {
        let place = self.store.place(r#"job="shop""#, 0);
        let name = self.store.get_family(family).unwrap().name.clone();
        let new = NewSeries {
            fingerprint: self.store.key().of(format!("{name}{labels}").as_bytes()),
            identity: 1 + self.store.len() as u64,
            labels: labels.into(),
            family,
            place: Some(place),
            lineage: Lineage::Received,
            start_unix_nano: START,
            value,
        };
        let now = Moment {
            unix_ms: START / 1_000_000,
        };
        self.store.insert(new, START, now).unwrap()
    }

    fn set_exemplar(&mut self, series: SeriesId, exemplar: Exemplar) {
        self.store.get_mut(series).unwrap().exemplar = Some(Box::new(exemplar));
    }

    fn bytes(&self, format: Format, escaping: Option<Escaping>) -> (Vec<u8>, Exposed) {
        let request = Request {
            offer: Offer { format, escaping },
            created: false,
        };
        let mut out = Vec::new();
        let exposed = expose(&self.store, &self.own, request, &mut out);
        (out, exposed)
    }

    fn text(&self, format: Format, escaping: Option<Escaping>) -> (String, Exposed) {
        let (bytes, exposed) = self.bytes(format, escaping);
        (String::from_utf8(bytes).unwrap(), exposed)
    }

    fn plain(&self) -> String {
        self.text(Format::Text004, None).0
    }

    fn open_metrics(&self) -> String {
        self.text(Format::OpenMetrics100, None).0
    }
}

fn exemplar(value: f64) -> Exemplar {
    Exemplar {
        value,
        time_unix_nano: START + 500_000_000,
        trace_id: [0xab; 16],
        span_id: [0xcd; 8],
        labels: "".into(),
    }
}
