//! Who holds the server's connections, as `CLIENT LIST` says (<https://redis.io/docs/latest/commands/client-list/>).

use super::info::Info;
use crate::probe::kind::server::{ConnectionState, Connections};

/// The server walks all of its connections to list them: with more than this it is not asked to.
pub(super) const MAX_LISTED: u64 = 1000;

/// Who holds the connections that count against `maxclients`: clients, links to replicas, and the cluster's own (Redis,
/// `networking.c`, `acceptCommonHandler`). `list` is the answer to `CLIENT LIST`, where there is one.
pub(super) fn connections(info: &Info, list: Option<&str>) -> Connections {
    let mut connections = Connections::default();
    match list {
        Some(list) => {
            for line in list.lines().filter(|line| line.starts_with("id=")) {
                let client = Client(line);
                connections.add(client.application(), client.state(), 1);
            }
        }
        None => {
            let clients = info.count("connected_clients").unwrap_or_default();
            let replicas = info.count("connected_slaves").unwrap_or_default();
            let all = clients.saturating_add(replicas);
            connections.add("unknown", ConnectionState::Unknown, all);
        }
    }
    if let Some(cluster @ 1..) = info.count("cluster_connections") {
        connections.add("cluster", ConnectionState::Active, cluster);
    }
    connections
}

/// One line of the list: `id=4 addr=10.0.0.7:55180 name=billing idle=12 flags=N multi=-1 …`.
struct Client<'a>(&'a str);

impl Client<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.split(' ').filter_map(|field| field.split_once('='));
        let value = fields.find_map(|(key, value)| (key == name).then_some(value));
        value.filter(|value| !value.is_empty())
    }

    /// Whether it has one of the flags.
    fn is(&self, flags: &[char]) -> bool {
        let has = self.field("flags");
        has.is_some_and(|has| has.contains(flags))
    }

    /// The name that it gave itself, or that of its library. Links between servers (flags `S`, `M`) have none, and sentinels
    /// name each of their connections anew.
    fn application(&self) -> &str {
        if self.is(&['S', 'M']) {
            return "replication";
        }
        match self.field("name").or_else(|| self.field("lib-name")) {
            Some(name) if name.starts_with("sentinel-") => "sentinel",
            Some(name) => name,
            None => "",
        }
    }

    /// Redis does one command at a time: active is who sent one within the last second.
    fn state(&self) -> ConnectionState {
        let idle = self.field("idle").is_some_and(|seconds| seconds != "0");
        let in_transaction = self.field("multi").is_some_and(|queued| queued != "-1");
        match idle {
            _ if self.is(&['S', 'M']) => ConnectionState::Active,
            _ if self.is(&['b']) => ConnectionState::Blocked,
            _ if self.is(&['P']) => ConnectionState::Subscribed,
            true if in_transaction => ConnectionState::IdleInTransaction,
            true => ConnectionState::Idle,
            false => ConnectionState::Active,
        }
    }
}
