//! The map of services behind `/api/map`: nodes and edges with rate, errors and percentiles over the window.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Graph;
use super::edge::{Edge, Link, SUB_WINDOWS};
use crate::series::percentiles::Percentiles;
use crate::series::store::{Fingerprint, Moment, Store};

/// Who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceMap {
    /// The time that rates are over, in seconds: the window, or less after the start.
    pub window_s: f64,
    /// Everybody who calls or is called, by name.
    pub nodes: Vec<MapNode>,
    /// The calls between two, by names.
    pub edges: Vec<MapEdge>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A service that sends spans.
    Service,
    /// A database.
    Database,
    /// A messaging system.
    Messaging,
    /// A third party: a service that sends no spans.
    External,
    /// Whoever begins traces.
    User,
}

/// One who calls or is called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapNode {
    /// As the edges name it.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Calls that it got, per second.
    pub rate: f64,
    /// The part of them that failed, from 0 to 1.
    pub error_rate: f64,
}

/// Calls from one to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapEdge {
    /// Who calls.
    pub client: String,
    /// Who is called.
    pub server: String,
    /// As in the metrics: empty, `messaging_system`, `database` or `virtual_node`. Messages whose system is known lead to the
    /// system and from there, unlike in the metrics.
    pub connection_type: &'static str,
    /// Calls per second.
    pub rate: f64,
    /// The part of them that failed, from 0 to 1.
    pub error_rate: f64,
    /// Calls in the window.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Half of them took at most this, in milliseconds; `None` where percentiles are not tracked.
    pub p50_ms: Option<f64>,
    /// 95 % of them took at most this.
    pub p95_ms: Option<f64>,
    /// 99 % of them took at most this.
    pub p99_ms: Option<f64>,
}

/// A node, before its numbers.
type Node<'a> = (&'a str, NodeKind);

/// What is known of the calls between two nodes.
#[derive(Debug, Default)]
struct Calls {
    requests: u64,
    failed: u64,
    /// What the histograms with their durations are found by.
    series: Vec<Fingerprint>,
}

type Found<'a> = BTreeMap<(Node<'a>, Node<'a>, &'static str), Calls>;

impl Graph {
    /// The map over the window that ends `now`.
    pub fn map(&self, store: &Store, percentiles: &Percentiles, now: Moment) -> ServiceMap {
        let now_ms = self.clock.at(now);
        let sub_window = now_ms / self.sub_window_ms;
        let mut found = Found::new();
        for edge in self.edges.iter() {
            let (requests, failed) = edge.latest.sum(sub_window);
            if requests > 0 {
                self.find(&mut found, edge, (requests, failed));
            }
        }
        let window_s = self.covered_s(now_ms);
        let found = with_services(found);
        let edges = found.iter().map(|((client, server, link), calls)| {
            let series = calls.series.iter().filter_map(|one| store.find(*one));
            let quantiles = percentiles.quantiles_of(series, now);
            let ms = |seconds: f64| round(seconds * 1000.0);
            MapEdge {
                client: client.0.to_owned(),
                server: server.0.to_owned(),
                connection_type: link,
                rate: rate(calls.requests, window_s),
                error_rate: part(calls.failed, calls.requests),
                requests: calls.requests,
                failed: calls.failed,
                p50_ms: quantiles.map(|all| ms(all.p50)),
                p95_ms: quantiles.map(|all| ms(all.p95)),
                p99_ms: quantiles.map(|all| ms(all.p99)),
            }
        });
        ServiceMap {
            window_s,
            edges: edges.collect(),
            nodes: nodes(&found, window_s),
        }
    }

    /// The time that the parts of the window cover, in seconds; a second at least.
    fn covered_s(&self, now_ms: u64) -> f64 {
        let whole_ms = (SUB_WINDOWS - 1).saturating_mul(self.sub_window_ms);
        let covered_ms = now_ms.min(whole_ms + now_ms % self.sub_window_ms);
        covered_ms.max(1000) as f64 / 1000.0
    }

    fn find<'a>(&'a self, found: &mut Found<'a>, edge: &Edge, (requests, failed): (u64, u64)) {
        let (key, series) = (&edge.key, &edge.series);
        let (client, server) = (self.names.text(key.client), self.names.text(key.server));
        let mut add = |client, server, fingerprint| {
            let calls = found.entry((client, server, key.link.word())).or_default();
            calls.requests = calls.requests.saturating_add(requests);
            calls.failed = calls.failed.saturating_add(failed);
            calls.series.push(fingerprint);
        };
        let Some(via) = key.via else {
            let (from, to) = kinds(key.link, client.as_bytes() == super::USER);
            return add((client, from), (server, to), series.server_fingerprint);
        };
        let system = (self.names.text(via), NodeKind::Messaging);
        if key.client != via {
            add(
                (client, NodeKind::Service),
                system,
                series.client_fingerprint,
            );
        }
        if key.server != via {
            add(
                system,
                (server, NodeKind::Service),
                series.server_fingerprint,
            );
        }
    }
}

/// What the ends of a link are that leads over no messaging system.
fn kinds(link: Link, by_user: bool) -> (NodeKind, NodeKind) {
    match link {
        Link::Direct | Link::Messaging => (NodeKind::Service, NodeKind::Service),
        Link::Database => (NodeKind::Service, NodeKind::Database),
        Link::Virtual if by_user => (NodeKind::User, NodeKind::Service),
        Link::Virtual => (NodeKind::Service, NodeKind::External),
    }
}

/// Makes one node of a third party and a service of the same name: the service was too late once.
fn with_services(found: Found<'_>) -> Found<'_> {
    let ends = found
        .keys()
        .flat_map(|(client, server, _)| [*client, *server]);
    let services: std::collections::BTreeSet<&str> = ends
        .filter(|(_, kind)| *kind == NodeKind::Service)
        .map(|(name, _)| name)
        .collect();
    let settle = |(name, kind)| match kind {
        NodeKind::External if services.contains(name) => (name, NodeKind::Service),
        _ => (name, kind),
    };
    let settled = found.into_iter();
    settled
        .map(|((client, server, link), calls)| ((client, settle(server), link), calls))
        .collect()
}

fn nodes(found: &Found<'_>, window_s: f64) -> Vec<MapNode> {
    let mut nodes: BTreeMap<Node<'_>, (u64, u64)> = BTreeMap::new();
    for ((client, server, _), calls) in found {
        nodes.entry(*client).or_default();
        let got = nodes.entry(*server).or_default();
        *got = (
            got.0.saturating_add(calls.requests),
            got.1.saturating_add(calls.failed),
        );
    }
    let each = nodes
        .into_iter()
        .map(|((name, kind), (requests, failed))| MapNode {
            name: name.to_owned(),
            kind,
            rate: rate(requests, window_s),
            error_rate: part(failed, requests),
        });
    each.collect()
}

fn rate(count: u64, window_s: f64) -> f64 {
    round(count as f64 / window_s)
}

fn part(some: u64, all: u64) -> f64 {
    match all {
        0 => 0.0,
        _ => round(some as f64 / all as f64),
    }
}

/// Three decimals are enough for people.
fn round(value: f64) -> f64 {
    let rounded = (value * 1000.0).round() / 1000.0;
    if rounded == 0.0 && value > 0.0 {
        value
    } else {
        rounded
    }
}
