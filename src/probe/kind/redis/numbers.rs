//! The names of everything that is measured of Redis. Where the OpenTelemetry Collector's redisreceiver has a name, it is
//! that one.

use crate::probe::metric::Metric;

/// Numbers that `INFO` says, each with its metric.
pub(super) const FIELDS: [(&str, &str); 16] = [
    ("uptime_in_seconds", "db.server.uptime"),
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
pub(super) fn of_server() -> Vec<Metric> {
    let gauge = Metric::gauge;
    let counter = Metric::counter;
    let mut metrics = vec![
        gauge(
            "db.server.connections",
            "{connection}",
            "Connections to the server, by application and state.",
        ),
        gauge(
            "db.server.connections.max",
            "{connection}",
            "The most connections that the server takes.",
        ),
        gauge(
            "db.server.connections.used",
            "{connection}",
            "Connections that count against the most it takes.",
        ),
        gauge(
            "db.server.clock.skew",
            "s",
            "How far the server's clock is ahead of this machine's.",
        ),
        gauge("db.server.uptime", "s", "Time since the server started."),
        gauge(
            "redis.clients.connected",
            "{client}",
            "Client connections, replicas not counted.",
        ),
        gauge(
            "redis.clients.blocked",
            "{client}",
            "Clients that wait in a blocking command.",
        ),
        gauge("redis.slaves.connected", "{replica}", "Replicas connected."),
        gauge(
            "redis.memory.used",
            "By",
            "Memory that the server's allocator gave out.",
        ),
        gauge(
            "redis.memory.peak",
            "By",
            "The most memory that was in use.",
        ),
        gauge(
            "redis.memory.rss",
            "By",
            "Memory of the server as its system sees it.",
        ),
        gauge("redis.maxmemory", "By", "The limit of memory; 0 is none."),
        gauge(
            "redis.commands",
            "{command}/s",
            "Commands per second, as the server measures it.",
        ),
        counter(
            "redis.commands.processed",
            "{command}",
            "Commands processed.",
        ),
        counter(
            "redis.connections.received",
            "{connection}",
            "Connections accepted.",
        ),
        counter(
            "redis.connections.rejected",
            "{connection}",
            "Connections turned away because of maxclients.",
        ),
        counter(
            "redis.keyspace.hits",
            "{hit}",
            "Lookups of keys that were there.",
        ),
        counter(
            "redis.keyspace.misses",
            "{miss}",
            "Lookups of keys that were not there.",
        ),
        counter(
            "redis.keys.evicted",
            "{key}",
            "Keys evicted because of maxmemory.",
        ),
        counter("redis.keys.expired", "{event}", "Keys that expired."),
        gauge("redis.list.length", "{item}", "Items of a list."),
        gauge("redis.stream.length", "{entry}", "Entries of a stream."),
        gauge(
            "redis.stream.group.lag",
            "{entry}",
            "Entries that a consumer group has not been given yet.",
        ),
        gauge(
            "redis.stream.group.pending",
            "{entry}",
            "Entries given to a consumer group and not acknowledged yet.",
        ),
    ];
    metrics.extend(of_replication());
    metrics
}

/// What a sentinel probe may measure.
pub(super) fn of_sentinels() -> Vec<Metric> {
    let gauge = Metric::gauge;
    let mut metrics = vec![
        gauge(
            "redis.sentinel.sentinels",
            "{sentinel}",
            "Sentinels that watch the group, as they say themselves.",
        ),
        gauge(
            "redis.sentinel.sentinels.answering",
            "{sentinel}",
            "Configured sentinels that answer.",
        ),
        gauge(
            "redis.sentinel.quorum",
            "{sentinel}",
            "Sentinels that must agree that the primary is down.",
        ),
        gauge(
            "redis.sentinel.replicas",
            "{replica}",
            "Replicas of the group that the sentinels know.",
        ),
        gauge(
            "redis.sentinel.replicas.healthy",
            "{replica}",
            "Replicas that follow the primary.",
        ),
    ];
    metrics.extend(of_replication());
    metrics
}

fn of_replication() -> [Metric; 2] {
    [
        Metric::gauge(
            "db.server.replication.lag",
            "s",
            "How far a replica is behind.",
        ),
        Metric::gauge(
            "redis.replication.lag.size",
            "By",
            "Bytes of the replication stream that a replica has not confirmed.",
        ),
    ]
}
