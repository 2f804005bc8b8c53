//! The names of what is measured of Redis alone. Where the OpenTelemetry Collector's redisreceiver has a name, it is that one.

use crate::probe::kind::server::{self, REPLICATION_LAG, UPTIME};
use crate::probe::metric::Metric;

pub(super) const LIST_LENGTH: &str = "redis.list.length";
pub(super) const STREAM_LENGTH: &str = "redis.stream.length";
pub(super) const GROUP_LAG: &str = "redis.stream.group.lag";
pub(super) const GROUP_PENDING: &str = "redis.stream.group.pending";
pub(super) const REPLICATION_LAG_SIZE: &str = "redis.replication.lag.size";
pub(super) const SENTINELS: &str = "redis.sentinel.sentinels";
pub(super) const SENTINELS_ANSWERING: &str = "redis.sentinel.sentinels.answering";
pub(super) const QUORUM: &str = "redis.sentinel.quorum";
pub(super) const REPLICAS: &str = "redis.sentinel.replicas";
pub(super) const REPLICAS_FOLLOWING: &str = "redis.sentinel.replicas.following";

/// Numbers that `INFO` says, each with its metric.
pub(super) const FIELDS: [(&str, &str); 16] = [
    ("uptime_in_seconds", UPTIME),
    ("connected_clients", "redis.clients.connected"),
    ("blocked_clients", "redis.clients.blocked"),
    ("connected_slaves", "redis.slaves.connected"),
    ("used_memory", "redis.memory.used"),
    ("used_memory_peak", "redis.memory.peak"),
    ("used_memory_rss", "redis.memory.rss"),
    ("maxmemory", "redis.maxmemory"),
    ("instantaneous_ops_per_sec", "redis.commands"),
    ("total_commands_processed", "redis.commands.processed"),
    ("total_connections_received", "redis.connections.received"),
    ("rejected_connections", "redis.connections.rejected"),
    ("keyspace_hits", "redis.keyspace.hits"),
    ("keyspace_misses", "redis.keyspace.misses"),
    ("evicted_keys", "redis.keys.evicted"),
    ("expired_keys", "redis.keys.expired"),
];

/// What a server may measure.
#[rustfmt::skip]
pub(super) fn of_server() -> Vec<Metric> {
    let gauge = Metric::gauge;
    let counter = Metric::counter;
    let mut metrics = server::metrics();
    metrics.extend([
        gauge("redis.clients.connected", "{client}", "Client connections, replicas not counted."),
        gauge("redis.clients.blocked", "{client}", "Clients that wait in a blocking command."),
        gauge("redis.slaves.connected", "{replica}", "Replicas connected."),
        gauge("redis.memory.used", "By", "Memory that the server's allocator gave out."),
        gauge("redis.memory.peak", "By", "The most memory that was in use."),
        gauge("redis.memory.rss", "By", "Memory of the server as its system sees it."),
        gauge("redis.maxmemory", "By", "The limit of memory; 0 is none."),
        gauge("redis.commands", "{command}/s", "Commands per second, as the server measures it."),
        counter("redis.commands.processed", "{command}", "Commands processed."),
        counter("redis.connections.received", "{connection}", "Connections accepted."),
        counter("redis.connections.rejected", "{connection}", "Connections turned away because of maxclients."),
        counter("redis.keyspace.hits", "{hit}", "Lookups of keys that were there."),
        counter("redis.keyspace.misses", "{miss}", "Lookups of keys that were not there."),
        counter("redis.keys.evicted", "{key}", "Keys evicted because of maxmemory."),
        counter("redis.keys.expired", "{event}", "Keys that expired."),
        gauge(LIST_LENGTH, "{item}", "Items of a list."),
        gauge(STREAM_LENGTH, "{entry}", "Entries of a stream."),
        gauge(GROUP_LAG, "{entry}", "Entries that a consumer group has not been given yet."),
        gauge(GROUP_PENDING, "{entry}", "Entries given to a consumer group and not acknowledged yet."),
        lag_size(),
    ]);
    metrics
}

/// What a probe of sentinels may measure.
#[rustfmt::skip]
pub(super) fn of_sentinels() -> Vec<Metric> {
    let gauge = Metric::gauge;
    let mut metrics = server::metrics();
    metrics.retain(|metric| &*metric.name == REPLICATION_LAG);
    metrics.extend([
        gauge(SENTINELS, "{sentinel}", "Sentinels that watch the group, as they know each other."),
        gauge(SENTINELS_ANSWERING, "{sentinel}", "Sentinels of the configuration that answer."),
        gauge(QUORUM, "{sentinel}", "Sentinels that must agree that the master is down."),
        gauge(REPLICAS, "{replica}", "Replicas of the group that the sentinels know."),
        gauge(REPLICAS_FOLLOWING, "{replica}", "Replicas that follow the master."),
        lag_size(),
    ]);
    metrics
}

fn lag_size() -> Metric {
    let about = "Bytes of the replication stream that a replica has not confirmed.";
    Metric::gauge(REPLICATION_LAG_SIZE, "By", about)
}
