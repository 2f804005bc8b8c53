//! Who calls whom: metrics named as the service graph connector of the OpenTelemetry Collector names them
//! (<https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/servicegraphconnector>), and the
//! map behind `/api/map`.
//!
//! A call has two sides: a client's or producer's span, and the server's or consumer's whose parent it is. One waits for the
//! other, whichever comes first. Without the other:
//!
//! - a client's span to a database is complete at once, with the database as server;
//! - a server's span without a parent is called by `user`;
//! - a client's span that nobody answered to in time is a call to the peer that it names, a `virtual_node`;
//! - a producer's or consumer's span is a call to or from the messaging system;
//! - any other span counts in `traces_service_graph_unpaired_spans_total`.
//!
//! Where as many wait as may, the oldest is settled as if its time had come, and counts in
//! `traces_service_graph_dropped_spans_total` as well; so do spans without valid ids.
//!
//! Series carry the labels `client`, `server` and `connection_type`, and no `job`: a call is of two.

mod alone;
mod edge;
mod ends;
mod map;
mod names;
mod peer;
mod waiting;

use super::facts::Facts;
use super::options::{DerivedError, DurationUnit, GraphOptions};
use super::shelf::{Desk, Measured, Shelf};
use crate::otlp::view::{Span, SpanKind, StatusCode};
use crate::series::percentiles::Elapsed;
use crate::series::store::{Fault, Moment, Store};
use alone::{Alone, edge_labels};
use edge::{EdgeKey, EdgeSeries, Edges, Link, SUB_WINDOWS};
use ends::Call;
use names::{NameId, Names};
use waiting::{CallKey, Half, Met, Side, Waiting};

pub use map::{MapEdge, MapNode, NodeKind, ServiceMap};

/// Who calls a service that nobody else is known to call.
const USER: &[u8] = b"user";

/// Calls that wait for their other side, and the edges found.
#[derive(Debug)]
pub(super) struct Graph {
    wait_ms: u64,
    sub_window_ms: u64,
    exemplars: bool,
    server: Shelf,
    client: Shelf,
    failed: Shelf,
    unpaired: Alone,
    dropped: Alone,
    clock: Elapsed,
    /// Elapsed time at the batch at hand.
    now_ms: u64,
    names: Names,
    /// The service that the spans at hand are of.
    service: NameId,
    waiting: Waiting,
    edges: Edges,
    overflow: Option<EdgeSeries>,
    /// The part of the window in which was last forgotten what is not in use.
    forgot_in: u64,
}

impl Graph {
    pub fn new(options: &GraphOptions, store: &mut Store) -> Result<Graph, DerivedError> {
        let bounds = DurationUnit::Seconds.bounds(&options.buckets)?;
        let server = (
            "traces_service_graph_request_server_seconds",
            "seconds",
            "How long requests between two nodes took, as the server saw it.",
        );
        let client = (
            "traces_service_graph_request_client_seconds",
            "seconds",
            "How long requests between two nodes took, as the client saw it.",
        );
        let server = Shelf::histograms(store, server, bounds.clone())?.with_count(
            store,
            "traces_service_graph_request_total",
            "Requests between two nodes.",
        )?;
        Ok(Graph {
            wait_ms: options.wait_ms,
            sub_window_ms: (options.window_ms / SUB_WINDOWS).max(1),
            exemplars: options.exemplars,
            server,
            client: Shelf::histograms(store, client, bounds)?,
            failed: Shelf::counters(
                store,
                "traces_service_graph_request_failed_total",
                "Requests between two nodes that failed.",
            )?,
            unpaired: Alone::new(
                store,
                "traces_service_graph_unpaired_spans_total",
                "Spans of requests of which the other side was not seen, and is not known.",
            )?,
            dropped: Alone::new(
                store,
                "traces_service_graph_dropped_spans_total",
                "Spans of requests that could not wait for the other side.",
            )?,
            clock: Elapsed::default(),
            now_ms: 0,
            names: Names::new(store.key()),
            service: NameId::OTHERS,
            waiting: Waiting::new(store.key(), options.max_waiting),
            edges: Edges::default(),
            overflow: None,
            forgot_in: 0,
        })
    }

    /// Shows series from before a restart.
    pub fn restored(&self, store: &mut Store) {
        self.server.show_all(store);
    }

    /// Settles what has waited long enough.
    pub fn settle(&mut self, desk: &mut Desk<'_>) {
        self.now_ms = self.clock.advance(desk.now);
        if let Some(since_ms) = self.now_ms.checked_sub(self.wait_ms) {
            while let Some(half) = self.waiting.take_oldest(since_ms) {
                self.settle_alone(desk, half);
            }
        }
        let sub_window = self.now_ms / self.sub_window_ms;
        if sub_window != self.forgot_in {
            self.forgot_in = sub_window;
            self.forget_unused(sub_window);
        }
    }

    /// Forgets edges without recent calls, then names without edges: an edge's names were used when the first of its
    /// sides came, at most `wait_ms` before its latest call.
    fn forget_unused(&mut self, sub_window: u64) {
        self.edges.forget(sub_window);
        let reach_ms = (SUB_WINDOWS + 1).saturating_mul(self.sub_window_ms);
        let before_ms = self
            .now_ms
            .checked_sub(reach_ms.saturating_add(self.wait_ms));
        if let Some(before_ms) = before_ms {
            self.names.forget(before_ms);
            self.unpaired.forget();
            self.dropped.forget();
        }
    }

    /// Says of what service the spans are that follow.
    pub fn begin(&mut self, service: &str) {
        self.service = self.names.id(service.as_bytes(), self.now_ms);
    }

    /// Takes one side of a call.
    #[inline]
    pub fn take(
        &mut self,
        desk: &mut Desk<'_>,
        (span, facts): (&Span<'_>, &Facts<'_>),
        (nanos, end_unix_nano): (u64, u64),
    ) {
        let side = match span.kind {
            SpanKind::Client | SpanKind::Producer => Side::Client,
            SpanKind::Server | SpanKind::Consumer => Side::Server,
            SpanKind::Unspecified | SpanKind::Internal => return,
        };
        let by_kind = matches!(span.kind, SpanKind::Producer | SpanKind::Consumer);
        let mut half = Half {
            side,
            messaging: by_kind || !facts.messaging_system.is_empty(),
            failed: span.status_code == StatusCode::Error,
            service: self.service,
            peer: None,
            nanos,
            end_unix_nano,
            span_id: span.span_id.try_into().unwrap_or_default(),
            trace_id: span.trace_id.try_into().unwrap_or_default(),
        };
        if side == Side::Client
            && let Some(database) = peer::of_database(facts)
        {
            half.messaging = false;
            let database = self.names.id(database, self.now_ms);
            let call = Call::of_one(half, self.service, database, Link::Database);
            return self.record(desk, &call);
        }
        half.peer = self.peer(&half, facts);
        if side == Side::Server && span.parent_span_id.is_empty() {
            return self.settle_root(desk, half);
        }
        let caller = match side {
            Side::Client => span.span_id,
            Side::Server => span.parent_span_id,
        };
        match caller.try_into() {
            Ok(span_id) if half.trace_id != [0; 16] && span_id != [0; 8] => {
                let trace_id = half.trace_id;
                self.meet(desk, CallKey { trace_id, span_id }, half);
            }
            _ => self.dropped.count(desk, &self.names, &half),
        }
    }

    #[inline]
    fn peer(&mut self, half: &Half, facts: &Facts<'_>) -> Option<NameId> {
        let peer = match (half.messaging, half.side) {
            (true, _) => peer::of_message(facts),
            (false, Side::Client) => peer::of_call(facts),
            (false, Side::Server) => return None,
        };
        if peer.is_empty() {
            return None;
        }
        Some(self.names.id(peer, self.now_ms))
    }

    #[inline]
    fn meet(&mut self, desk: &mut Desk<'_>, key: CallKey, half: Half) {
        match self.waiting.meet(key, half, self.now_ms) {
            Met::Other(other) => {
                let call = Call::of_both(half, other);
                self.record(desk, &call);
            }
            Met::Same => {}
            Met::Nobody if self.waiting.is_over() => self.displace(desk),
            Met::Nobody => {}
        }
    }

    #[cold]
    fn displace(&mut self, desk: &mut Desk<'_>) {
        if let Some(oldest) = self.waiting.take_oldest(u64::MAX) {
            self.dropped.count(desk, &self.names, &oldest);
            self.settle_alone(desk, oldest);
        }
    }

    /// Settles the first span of a trace: nobody is to be waited for.
    fn settle_root(&mut self, desk: &mut Desk<'_>, half: Half) {
        if half.messaging {
            return self.settle_alone(desk, half);
        }
        let user = self.names.id(USER, self.now_ms);
        let call = Call::of_one(half, user, half.service, Link::Virtual);
        self.record(desk, &call);
    }

    /// Settles a span whose other side did not come.
    fn settle_alone(&mut self, desk: &mut Desk<'_>, half: Half) {
        let link = if half.messaging {
            Link::Messaging
        } else {
            Link::Virtual
        };
        let call = match (half.side, half.peer) {
            (Side::Client, Some(peer)) => Call::of_one(half, half.service, peer, link),
            (Side::Server, Some(peer)) => Call::of_one(half, peer, half.service, link),
            (_, None) => return self.unpaired.count(desk, &self.names, &half),
        };
        self.record(desk, &call);
    }

    #[inline]
    fn record(&mut self, desk: &mut Desk<'_>, call: &Call) {
        let series = match self.series(desk.store, call, desk.now) {
            Ok(series) => series,
            Err(fault) => return desk.store.count_fault(fault, 1),
        };
        let (client, server) = call.nanos;
        let measured = |nanos| Measured {
            value: DurationUnit::Seconds.of_nanos(nanos),
            time_unix_nano: call.teller.end_unix_nano,
            trace_id: &call.teller.trace_id,
            span_id: &call.teller.span_id,
        };
        let (client, server) = (measured(client), measured(server));
        desk.observe(series.server, server, self.exemplars);
        desk.observe(series.client, client, self.exemplars);
        if call.failed {
            desk.add(series.failed, 1);
        }
        desk.track(series.server, server.value);
        if call.ends.is_some_and(|ends| ends.via.is_some()) {
            desk.track(series.client, client.value);
        }
    }

    /// The series of the call's edge; counts the call on the map.
    #[inline]
    fn series(&mut self, store: &mut Store, call: &Call, now: Moment) -> Result<EdgeSeries, Fault> {
        let Some(key) = call.ends else {
            return self.overflow(store, now);
        };
        let sub_window = self.now_ms / self.sub_window_ms;
        if let Some(edge) = self.edges.find(&key, store) {
            edge.latest.count(sub_window, call.failed);
            return Ok(edge.series);
        }
        let series = self.edge_series(store, &key, now)?;
        match self.edges.put(key, series) {
            Some(edge) => {
                edge.latest.count(sub_window, call.failed);
                Ok(series)
            }
            None => self.overflow(store, now),
        }
    }

    #[cold]
    fn edge_series(
        &self,
        store: &mut Store,
        key: &EdgeKey,
        now: Moment,
    ) -> Result<EdgeSeries, Fault> {
        let (client, server) = (self.names.text(key.client), self.names.text(key.server));
        let labels = edge_labels(client, server, key.link);
        Ok(EdgeSeries {
            server: self.server.series(store, &labels, None, now)?,
            client: self.client.series(store, &labels, None, now)?,
            failed: self.failed.series(store, &labels, None, now)?,
            server_fingerprint: self.server.fingerprint(store, &labels, None),
            client_fingerprint: self.client.fingerprint(store, &labels, None),
            epoch: store.epoch(),
        })
    }

    /// The series of edges beyond the limits.
    fn overflow(&mut self, store: &mut Store, now: Moment) -> Result<EdgeSeries, Fault> {
        if let Some(series) = self.overflow.filter(|series| series.epoch == store.epoch()) {
            return Ok(series);
        }
        let fault = Fault::SeriesLimit;
        let series = EdgeSeries {
            server: self.server.overflow(store, None, fault, now)?,
            client: self.client.overflow(store, None, fault, now)?,
            failed: self.failed.overflow(store, None, fault, now)?,
            server_fingerprint: Default::default(),
            client_fingerprint: Default::default(),
            epoch: store.epoch(),
        };
        self.overflow = Some(series);
        Ok(series)
    }
}
