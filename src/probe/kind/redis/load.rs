//! What a server has to hold and to do: memory, disk, counters.

use serde_json::json;

use super::info::Info;
use super::numbers;
use super::refusal::clipped;
use crate::probe::run::Run;

/// No policy has a longer name.
const MAX_POLICY_CHARS: usize = 32;

/// Tells `run` how much memory is in use, with a warning when that is more than the share `warn` of the limit.
pub(super) fn tell_memory(run: &Run, info: &Info, warn: f64) {
    let Some(used) = info.count("used_memory") else {
        return;
    };
    let max = info.count("maxmemory").filter(|max| *max != 0);
    let policy = info.text("maxmemory_policy").unwrap_or("noeviction");
    let policy = clipped(policy, MAX_POLICY_CHARS);
    run.fact(
        "memory",
        json!({"used": used, "max": max, "policy": policy}),
    );
    let Some(max) = max else { return };
    let share = used as f64 / max as f64;
    if share > warn {
        run.warn(scarce(share, used, max, &policy));
    }
}

fn scarce(share: f64, used: u64, max: u64, policy: &str) -> String {
    let percent = (share * 100.0).round();
    let (used, max) = (mebibytes(used), mebibytes(max));
    let then = match policy {
        "noeviction" => "writes are refused when it is full".to_owned(),
        policy => format!("keys are evicted when it is full ({policy})"),
    };
    format!(
        "{percent} % of the memory is in use, {used} of {max}, and {then}: keep less, or raise maxmemory"
    )
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Warns `run` of data that does not get to the disk.
pub(super) fn tell_persistence(run: &Run, info: &Info) {
    let broken = |name| info.text(name).is_some_and(|status| status != "ok");
    if broken("rdb_last_bgsave_status") {
        run.warn("the last snapshot could not be saved to disk: the server's log says why; free or repair its disk");
    }
    if !info.says("aof_enabled", "1") {
        return;
    }
    if broken("aof_last_write_status") {
        run.warn("the append-only file cannot be written: the server's log says why; free or repair its disk");
    }
    if broken("aof_last_bgrewrite_status") {
        run.warn(
            "the append-only file could not be rewritten and grows on: the server's log says why",
        );
    }
}

/// Tells `run` every number of `INFO` that is told as it is.
pub(super) fn tell_numbers(run: &Run, info: &Info) {
    for (field, metric) in numbers::FIELDS {
        if let Some(value) = info.count(field) {
            run.reading(metric, &[], value as f64);
        }
    }
}
