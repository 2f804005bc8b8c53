//! What is derived here: rate, errors and duration from spans, the service graph and its map, and counts of log
//! records.
//!
//! Every span is read once. Those of servers, consumers, clients and producers count; internal ones do not, as
//! they are how a service does its work and not what others see of it.
//!
//! | part | does |
//! |---|---|
//! | `facts` | reads the attributes that count |
//! | `sender` | reads who sent a group |
//! | `calls` | `traces_span_metrics_…`, one look-up for each span that is known by what it says |
//! | [`template`] | span names without what differs from one span to the next |
//! | `graph` | `traces_service_graph_…` and the map |
//! | `logs` | `log_records_total` |
//! | `shelf` | families of the store and the series in them, with overflow and exemplars |

mod calls;
mod facts;
mod graph;
mod logs;
mod options;
mod sender;
mod shelf;
pub mod template;
#[cfg(test)]
mod tests;

use crate::otlp::view::{self, Span, SpanKind};
use crate::series::percentiles::Percentiles;
use crate::series::store::{Fault, Moment, Store};
use crate::series::targets::Targets;
use calls::Calls;
use facts::Facts;
use graph::Graph;
use logs::Logs;
use sender::Sender;
use shelf::Desk;

pub use facts::MAX_DIMENSIONS;
pub use graph::{MapEdge, MapNode, NodeKind, ServiceMap};
pub use options::{
    DEFAULT_BUCKETS_MS, DerivedError, DerivedOptions, DurationUnit, GraphOptions, SpanOptions,
};

/// A span that ends later than so much after its arrival has a clock that is wrong; the time of arrival is taken.
const MAX_AHEAD_NANOS: u64 = 600_000_000_000;

/// Makes metrics of spans and log records.
#[derive(Debug)]
pub struct Derived {
    calls: Option<Calls>,
    graph: Option<Graph>,
    logs: Option<Logs>,
}

impl Derived {
    /// Takes the names of what is derived in `store`; best before others can.
    ///
    /// # Errors
    /// When another metric holds one of the names, or buckets do not ascend.
    pub fn new(options: &DerivedOptions, store: &mut Store) -> Result<Derived, DerivedError> {
        let spans = options.spans.as_ref();
        let calls = spans.map(|spans| Calls::new(spans, options.strategy, store));
        let graph = options.graph.as_ref().map(|graph| Graph::new(graph, store));
        let logs = options.logs.then(|| Logs::new(store));
        Ok(Derived {
            calls: calls.transpose()?,
            graph: graph.transpose()?,
            logs: logs.transpose()?,
        })
    }

    /// Says that series from before a restart have been put into the store, so that they are shown as before.
    pub fn restored(&self, store: &mut Store) {
        if let Some(calls) = &self.calls {
            calls.restored(store);
        }
        if let Some(graph) = &self.graph {
            graph.restored(store);
        }
    }

    /// Counts the spans of `message`, a checked `ExportTraceServiceRequest`.
    pub fn take_spans(
        &mut self,
        store: &mut Store,
        targets: &mut Targets,
        percentiles: &mut Percentiles,
        message: &[u8],
        now: Moment,
    ) {
        if self.calls.is_none() && self.graph.is_none() {
            return;
        }
        let desk = &mut Desk {
            store,
            percentiles,
            now,
        };
        if let Some(graph) = &mut self.graph {
            graph.settle(desk);
        }
        for group in view::groups(message) {
            let sender = Sender::of(&group, self.dimensions(), desk.store, targets, now);
            if let Some(graph) = &mut self.graph {
                graph.begin(&sender.service);
            }
            for span in group.scopes().flat_map(|scope| scope.items()) {
                self.take_span(desk, &sender, span);
            }
        }
    }

    #[inline]
    fn take_span(&mut self, desk: &mut Desk<'_>, sender: &Sender, message: &[u8]) {
        let (mut facts, dimensions) = (Facts::default(), self.dimensions());
        let span = Span::read(message, |attribute| facts.note(attribute, dimensions));
        if matches!(span.kind, SpanKind::Internal | SpanKind::Unspecified) {
            return;
        }
        let times = (duration(&span, desk.store), ended(&span, desk.now));
        if let Some(calls) = &mut self.calls {
            calls.take(desk, (sender, &span, &facts), times);
        }
        if let Some(graph) = &mut self.graph {
            graph.take(desk, (&span, &facts), times);
        }
    }

    fn dimensions(&self) -> &[Box<str>] {
        let calls = self.calls.as_ref();
        calls.map_or(&[], |calls| &calls.dimensions)
    }

    /// Counts the log records of `message`, a checked `ExportLogsServiceRequest`.
    pub fn take_logs(
        &mut self,
        store: &mut Store,
        targets: &mut Targets,
        message: &[u8],
        now: Moment,
    ) {
        let Some(logs) = &mut self.logs else { return };
        for group in view::groups(message) {
            let sender = Sender::of(&group, &[], store, targets, now);
            logs.take(store, &sender, &group, now);
        }
    }

    /// Settles calls whose other side did not come in time. To be called now and then while no spans come, and before
    /// what is derived is shown.
    pub fn settle(&mut self, store: &mut Store, percentiles: &mut Percentiles, now: Moment) {
        if let Some(graph) = &mut self.graph {
            graph.settle(&mut Desk {
                store,
                percentiles,
                now,
            });
        }
    }

    /// Who calls whom; empty where the graph is switched off.
    pub fn map(&self, store: &Store, percentiles: &Percentiles, now: Moment) -> ServiceMap {
        let graph = self.graph.as_ref();
        graph.map_or_else(ServiceMap::default, |graph| {
            graph.map(store, percentiles, now)
        })
    }
}

/// How long the span lasted, in nanoseconds; nothing if it ends before it starts.
#[inline]
fn duration(span: &Span<'_>, store: &Store) -> u64 {
    let nanos = span.end_unix_nano.checked_sub(span.start_unix_nano);
    nanos.unwrap_or_else(|| {
        store.count_fault(Fault::EndBeforeStart, 1);
        0
    })
}

/// When the span ended, in nanoseconds since the Unix epoch.
#[inline]
fn ended(span: &Span<'_>, now: Moment) -> u64 {
    let latest = now.unix_nano().saturating_add(MAX_AHEAD_NANOS);
    match span.end_unix_nano {
        end if end == 0 || end > latest => now.unix_nano(),
        end => end,
    }
}
