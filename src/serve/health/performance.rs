//! `/health/performance`: database, cache, circuit breakers and memory, in the shape that "monitoring-system" has.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::VERSION;
use super::database::DATABASE;
use super::group::Group;
use super::items::{self, Items};
use super::selection::{BREAKERS, EXPORTS, Selection};
use super::verdict::{Overall, Situation};
use crate::serve::access::View;
use crate::serve::answer::{self, Answer, whole_milliseconds};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;
use crate::serve::shown::Shown;
use crate::serve::system::{Cpu, Memory, MemoryLimit};
use crate::serve::{CheckStatus, Face};
use crate::telemetry::process;

/// The group of Redis and its kin.
const CACHE: &str = "cache";
/// Shares of the memory that the process may take, in percent.
const MEMORY_WARN: f64 = 80.0;
const MEMORY_FAIL: f64 = 95.0;

#[derive(Serialize)]
struct Performance<'a> {
    status: &'static str,
    /// Milliseconds since 1970.
    timestamp: u64,
    /// Milliseconds.
    uptime: u64,
    version: &'static str,
    checks: Parts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parts<'a> {
    database: Part<'a>,
    cache: Part<'a>,
    circuit_breaker: Part<'a>,
    memory: Part<'a>,
}

#[derive(Serialize)]
struct Part<'a> {
    status: CheckStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<BTreeMap<&'a str, Shown<'a>>>,
}

#[derive(Serialize)]
struct Metrics<'a> {
    memory: Memory,
    cpu: Cpu,
    /// Items by export.
    items: BTreeMap<&'a str, Items>,
}

/// How much of the members a caller is shown.
#[derive(Clone, Copy)]
struct Depth {
    view: View,
    is_detailed: bool,
}

/// `/health/performance`.
pub(in crate::serve) fn performance(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let situation = Situation::now(face, &Selection::of(request)?);
    let depth = Depth {
        view,
        is_detailed: view.is_detailed() && request.has("detailed"),
    };
    let memory = memory(process::resident_bytes(), MemoryLimit::now());
    let overall = situation.overall().max(weight(memory.0));
    let has_metrics = view.is_detailed() && request.has("metrics");
    let ledger = has_metrics.then(|| (face.ledger)());
    let body = Performance {
        status: match overall {
            Overall::Healthy => "healthy",
            Overall::Degraded => "degraded",
            // The document has no word for a start; what answers 503 is unhealthy.
            Overall::Starting | Overall::Unhealthy => "unhealthy",
        },
        timestamp: now_ms(),
        uptime: whole_milliseconds(process::uptime()),
        version: VERSION,
        checks: Parts {
            database: part(&situation, &[DATABASE], depth),
            cache: part(&situation, &[CACHE], depth),
            circuit_breaker: circuit_breaker(&situation, depth),
            memory: Part {
                status: memory.0,
                message: view.is_detailed().then_some(memory.1),
                checks: None,
            },
        },
        metrics: ledger.as_ref().map(metrics),
    };
    Ok(answer::json(overall.status(), &body))
}

fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    whole_milliseconds(since_epoch.unwrap_or_default())
}

fn metrics(ledger: &Value) -> Metrics<'_> {
    Metrics {
        memory: Memory::now(),
        cpu: Cpu::now(),
        items: items::by_export(ledger),
    }
}

fn part<'a>(situation: &'a Situation, names: &[&str], depth: Depth) -> Part<'a> {
    let group = Group::of(&situation.checks, names);
    let message = || match group.worst(SystemTime::now()) {
        _ if group.checks.is_empty() => "not configured".to_owned(),
        None => group.message(),
        Some(worst) => format!("{}; {worst}", group.message()),
    };
    Part {
        status: group.status(),
        message: depth.view.is_detailed().then(message),
        checks: depth
            .is_detailed
            .then(|| Shown::by_name(group.checks, depth.view)),
    }
}

/// The breakers of routes and exports. An export that is stuck is known here before its check has looked.
fn circuit_breaker(situation: &Situation, depth: Depth) -> Part<'_> {
    let mut part = part(situation, &[EXPORTS, BREAKERS], depth);
    if let Some(stuck) = situation.stuck.first() {
        part.status = CheckStatus::Fail;
        part.message = depth.view.is_detailed().then(|| stuck.clone());
    }
    part
}

/// Resident memory beside what the process may take.
fn memory(resident: u64, limit: Option<MemoryLimit>) -> (CheckStatus, String) {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let taken = mebibytes(resident);
    let Some(limit) = limit else {
        let message = format!("{taken} MiB resident; how much there may be is not known");
        return (CheckStatus::Pass, message);
    };
    let percent = resident as f64 / limit.bytes as f64 * 100.0;
    let status = match percent {
        percent if percent >= MEMORY_FAIL => CheckStatus::Fail,
        percent if percent >= MEMORY_WARN => CheckStatus::Warn,
        _ => CheckStatus::Pass,
    };
    let (all, of) = (mebibytes(limit.bytes), limit.of);
    let message = format!("{taken} MiB resident, {percent:.1} % of the {all} MiB of {of}");
    (status, message)
}

fn weight(memory: CheckStatus) -> Overall {
    match memory {
        CheckStatus::Pass | CheckStatus::Starting => Overall::Healthy,
        CheckStatus::Warn => Overall::Degraded,
        CheckStatus::Fail => Overall::Unhealthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: memory below, at and above both thresholds, and without a known limit.
    /// Guarantees: 80 % is a warning and 95 % a failure; the sentence says how much of what.
    #[test]
    fn memory_has_two_thresholds() {
        let of = |resident: u64| {
            let limit = MemoryLimit {
                bytes: 1000 << 20,
                of: "the cgroup",
            };
            memory(resident << 20, Some(limit))
        };
        assert_eq!(of(799).0, CheckStatus::Pass);
        assert_eq!(of(800).0, CheckStatus::Warn);
        assert_eq!(of(949).0, CheckStatus::Warn);
        assert_eq!(of(950).0, CheckStatus::Fail);
        assert_eq!(
            of(652).1,
            "652 MiB resident, 65.2 % of the 1000 MiB of the cgroup"
        );
        let (status, message) = memory(1, None);
        assert_eq!(status, CheckStatus::Pass);
        assert!(message.starts_with("1 MiB resident"), "{message}");
    }
}
