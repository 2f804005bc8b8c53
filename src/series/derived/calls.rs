//! Rate, errors and duration of spans, named as the span metrics connector of the OpenTelemetry Collector names
//! them: <https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/spanmetricsconnector>.
//!
//! `traces_span_metrics_calls_total` shows the count of the duration's histogram, so that one update serves
//! both. Labels beside those of the sender: `service_name`, `span_name`, `span_kind`, `status_code`, and the
//! further dimensions.
//!
//! Spans that are known by what they say (sender, kind, status, name, route, dimensions) find their series in one
//! look-up. The others have their name folded ([`template`](super::template)) and their labels written.

use hashbrown::HashTable;

use super::facts::{Facts, MAX_DIMENSIONS};
use super::options::{DerivedError, DurationUnit, SpanOptions};
use super::sender::{Sender, cut_label};
use super::shelf::{Desk, Measured, Placed, Shelf};
use super::template::{self, Route};
use crate::otlp::view::{self, Attribute, Span, SpanKind, StatusCode};
use crate::series::naming::{INSTANCE, JOB, Strategy, append_label, label_name};
use crate::series::store::{Fault, Fingerprint, Moment, Store};

/// How many ways to say what a span does are remembered.
const MAX_KNOWN: usize = 65_536;

/// Labels that further dimensions can't have: their own, and those of the sender and of buckets.
const TAKEN: [&str; 7] = [
    "service_name",
    "span_name",
    "span_kind",
    "status_code",
    JOB,
    INSTANCE,
    "le",
];

/// The label of one thing said of a span.
#[derive(Debug)]
struct Label {
    name: Box<str>,
    says: Says,
}

#[derive(Clone, Copy, Debug)]
enum Says {
    Service,
    Name,
    Kind,
    Status,
    Dimension(usize),
}

/// The series of a span that says what this fingerprint is of.
#[derive(Clone, Copy, Debug)]
struct Known {
    fingerprint: Fingerprint,
    placed: Placed,
}

/// Counts spans.
#[derive(Debug)]
pub(super) struct Calls {
    shelf: Shelf,
    unit: DurationUnit,
    exemplars: bool,
    /// Keys of the further dimensions, as attributes have them.
    pub dimensions: Vec<Box<str>>,
    /// Every label, by name.
    labels: Vec<Label>,
    known: HashTable<Known>,
    /// The store's epoch that `known` belongs to.
    epoch: u64,
}

impl Calls {
    pub fn new(
        options: &SpanOptions,
        strategy: Strategy,
        store: &mut Store,
    ) -> Result<Calls, DerivedError> {
        let unit = options.unit;
        let bounds = unit.bounds(&options.buckets)?;
        let name = format!("traces_span_metrics_duration_{}", unit.word());
        let duration = (name.as_str(), unit.word(), "How long spans lasted.");
        let shelf = Shelf::histograms(store, duration, bounds)?;
        let (calls, help) = ("traces_span_metrics_calls_total", "Spans that ended.");
        let (dimensions, labels) = labels(&options.dimensions, strategy);
        Ok(Calls {
            shelf: shelf.with_count(store, calls, help)?,
            unit,
            exemplars: options.exemplars,
            dimensions,
            labels,
            known: HashTable::new(),
            epoch: store.epoch(),
        })
    }

    /// Shows series from before a restart.
    pub fn restored(&self, store: &mut Store) {
        self.shelf.show_all(store);
    }

    /// Counts a span that lasted `nanos`.
    #[inline]
    pub fn take(
        &mut self,
        desk: &mut Desk<'_>,
        (sender, span, facts): (&Sender, &Span<'_>, &Facts<'_>),
        (nanos, time_unix_nano): (u64, u64),
    ) {
        let said = self.said(desk.store, sender, span, facts);
        let placed = match self.find(desk.store, said) {
            Some(placed) => placed,
            None => match self.learn(desk.store, said, (sender, span, facts), desk.now) {
                Ok(placed) => placed,
                Err(fault) => return desk.store.count_fault(fault, 1),
            },
        };
        let measured = Measured {
            value: self.unit.of_nanos(nanos),
            time_unix_nano,
            trace_id: span.trace_id,
            span_id: span.span_id,
        };
        desk.observe(placed, measured, self.exemplars);
        desk.track(placed, measured.value);
    }

    /// The fingerprint of everything that the labels of a span are made of.
    #[inline]
    fn said(
        &self,
        store: &Store,
        sender: &Sender,
        span: &Span<'_>,
        facts: &Facts<'_>,
    ) -> Fingerprint {
        let key = store.key();
        let codes = (span.kind as u64) << 8 | span.status_code as u64;
        let mut said = sender
            .fingerprint
            .then_number(codes)
            .then(key.of(span.name));
        if span.kind == SpanKind::Server && !facts.route.is_empty() {
            said = said.then(key.of(facts.route)).then(key.of(facts.method));
        }
        for raw in facts.dimensions.iter().take(self.dimensions.len()) {
            said = said.then(key.of(raw));
        }
        said
    }

    #[inline]
    fn find(&mut self, store: &Store, said: Fingerprint) -> Option<Placed> {
        if self.epoch != store.epoch() {
            self.known.clear();
            self.epoch = store.epoch();
        }
        let same = |known: &Known| known.fingerprint == said;
        self.known
            .find(said.short(), same)
            .map(|known| known.placed)
    }

    #[cold]
    fn learn(
        &mut self,
        store: &mut Store,
        said: Fingerprint,
        (sender, span, facts): (&Sender, &Span<'_>, &Facts<'_>),
        now: Moment,
    ) -> Result<Placed, Fault> {
        let placed = match sender.fault {
            Some(fault) => self.shelf.overflow(store, None, fault, now)?,
            None => {
                let labels = self.label_text(sender, span, facts);
                self.shelf.series(store, &labels, sender.place, now)?
            }
        };
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let known = Known {
            fingerprint: said,
            placed,
        };
        let hash = |known: &Known| known.fingerprint.short();
        self.known.insert_unique(said.short(), known, hash);
        Ok(placed)
    }

    fn label_text(&self, sender: &Sender, span: &Span<'_>, facts: &Facts<'_>) -> String {
        let mut text = String::with_capacity(256);
        let name = view::text(span.name);
        let (path, method) = (view::text(facts.route), view::text(facts.method));
        let has_route = span.kind == SpanKind::Server && !path.is_empty();
        let route = has_route.then_some(Route {
            method: &method,
            path: &path,
        });
        for label in &self.labels {
            match label.says {
                Says::Service => append(&mut text, &label.name, &sender.service),
                Says::Name => append(&mut text, &label.name, &template::span_name(&name, route)),
                Says::Kind => append(&mut text, &label.name, kind(span.kind)),
                Says::Status => append(&mut text, &label.name, status(span.status_code)),
                Says::Dimension(at) => {
                    append(&mut text, &label.name, &dimension(sender, facts, at))
                }
            }
        }
        text
    }
}

/// The value of a further dimension: the span's, or else the resource's.
fn dimension(sender: &Sender, facts: &Facts<'_>, at: usize) -> String {
    let raw = facts.dimensions[at];
    if raw.is_empty() {
        return sender.dimensions[at].clone();
    }
    let mut value = Attribute { raw }.value().text().into_owned();
    cut_label(&mut value);
    value
}

/// The further dimensions whose label names are to be had, and every label sorted by name.
fn labels(dimensions: &[String], strategy: Strategy) -> (Vec<Box<str>>, Vec<Label>) {
    let own = [
        ("service_name", Says::Service),
        ("span_name", Says::Name),
        ("span_kind", Says::Kind),
        ("status_code", Says::Status),
    ];
    let mut labels: Vec<_> = own
        .map(|(name, says)| Label {
            name: name.into(),
            says,
        })
        .into();
    let mut keys: Vec<Box<str>> = Vec::new();
    for key in dimensions {
        let Some(name) = label_name(strategy, key) else {
            continue;
        };
        let is_taken = labels.iter().any(|label| *label.name == *name) || TAKEN.contains(&&*name);
        if is_taken || keys.len() == MAX_DIMENSIONS {
            continue;
        }
        let says = Says::Dimension(keys.len());
        labels.push(Label {
            name: name.into(),
            says,
        });
        keys.push(key.as_str().into());
    }
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    (keys, labels)
}

/// Appends a label; one without a value is to Prometheus the same as none.
pub(super) fn append(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        append_label(text, name, value);
    }
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

fn status(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "STATUS_CODE_UNSET",
        StatusCode::Ok => "STATUS_CODE_OK",
        StatusCode::Error => "STATUS_CODE_ERROR",
    }
}
