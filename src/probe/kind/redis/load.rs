//! How much a server has to do and to hold: connections, memory, disk, counters.

use serde_json::{Map, Value, json};

use super::clients::Clients;
use super::info::Info;
use super::numbers;
use crate::probe::run::Run;

/// Every connection that counts against `maxclients`: clients, links to replicas, and the cluster's own (Redis,
/// `networking.c`, `acceptCommonHandler`).
fn connections(info: &Info) -> Option<u64> {
    let clients = info.count("connected_clients")?;
    let replicas = info.count("connected_slaves").unwrap_or_default();
    let cluster = info.count("cluster_connections").unwrap_or_default();
    Some(clients.saturating_add(replicas).saturating_add(cluster))
}

/// Tells how many connections there are, and whose. It is a warning when more than the share `warn` is in use.
pub(super) fn tell_connections(run: &Run, info: &Info, clients: Option<&Clients>, warn: f64) {
    let Some(used) = connections(info) else {
        return;
    };
    let max = info.count("maxclients").filter(|max| *max != 0);
    let mut fact = Map::from_iter([
        ("total".to_owned(), json!(used)),
        ("max".to_owned(), json!(max)),
    ]);
    run.reading("db.server.connections.used", &[], used as f64);
    if let Some(clients) = clients {
        clients.read_into(run);
        fact.extend(
            clients
                .facts()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    run.fact("connections", Value::Object(fact));
    let Some(max) = max else { return };
    run.reading("db.server.connections.max", &[], max as f64);
    if used as f64 > max as f64 * warn {
        run.warn(crowded(used, max, clients));
    }
}

fn crowded(used: u64, max: u64, clients: Option<&Clients>) -> String {
    let largest = clients.and_then(Clients::largest);
    let whose =
        largest.map(|(name, count, idle)| format!(", {count} of them by {name} ({idle} idle)"));
    let whose = whose.unwrap_or_default();
    format!(
        "{used} of {max} connections are in use{whose}: close idle ones, or raise maxclients if the server has the memory"
    )
}

/// Tells how much memory is in use. It is a warning when that is more than the share `warn` of the limit.
pub(super) fn tell_memory(run: &Run, info: &Info, warn: f64) {
    let Some(used) = info.count("used_memory") else {
        return;
    };
    let max = info.count("maxmemory").filter(|max| *max != 0);
    let policy = info.text("maxmemory_policy").unwrap_or("noeviction");
    run.fact(
        "memory",
        json!({"used": used, "max": max, "policy": policy}),
    );
    let Some(max) = max else { return };
    let share = used as f64 / max as f64;
    if share <= warn {
        return;
    }
    let then = match policy {
        "noeviction" => "when it is full, writes are refused (noeviction)".to_owned(),
        policy => format!("when it is full, keys are evicted ({policy})"),
    };
    let percent = (share * 100.0).round();
    let (used, max) = (mebibytes(used), mebibytes(max));
    run.warn(format!(
        "{percent} % of the memory is in use, {used} of {max}; {then}: raise maxmemory, or keep less"
    ));
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Warns of data that does not get to the disk.
pub(super) fn tell_persistence(run: &Run, info: &Info) {
    let broken = |name: &str| info.text(name).is_some_and(|status| status != "ok");
    if broken("rdb_last_bgsave_status") {
        run.warn("the last snapshot could not be saved to disk: the server's log says why; free or repair its disk");
    }
    if !info.says("aof_enabled", "1") {
        return;
    }
    if broken("aof_last_write_status") {
        run.warn("the append-only file could not be written: the server's log says why; free or repair its disk");
    }
    if broken("aof_last_bgrewrite_status") {
        run.warn(
            "the append-only file could not be rewritten and only grows: the server's log says why",
        );
    }
}

/// Tells every number of `INFO` that is told as it is.
pub(super) fn tell_numbers(run: &Run, info: &Info) {
    for (field, metric) in numbers::FIELDS {
        if let Some(value) = info.count(field) {
            run.reading(metric, &[], value as f64);
        }
    }
    if let Some(uptime) = info.count("uptime_in_seconds") {
        run.fact("uptime_s", uptime);
    }
}
