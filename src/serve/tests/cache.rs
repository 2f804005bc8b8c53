//! The gateway's response cache over HTTP.

use std::collections::HashSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Agent, body, keys};
use crate::telemetry::{CacheLatency, CacheMemory, CacheReading};

fn layer(layer: &'static str, hits: u64, misses: u64) -> CacheReading {
    CacheReading {
        layer,
        hits,
        misses,
        sets: misses,
        evictions: 0,
        errors: 0,
        is_up: true,
        memory: None,
        compression_ratio: 1.0,
        latency: None,
    }
}

async fn shown(layers: &[CacheReading], path: &str) -> (StatusCode, Value) {
    let agent = Agent::running();
    *agent.cache.lock().unwrap() = layers.to_vec();
    let answer = agent.get(path).await;
    (answer.status(), body(&answer))
}

/// Scenario: a cache of two layers that were used. Guarantees: exactly the documented members, and evictions and memory beside them; times
/// in milliseconds.
#[tokio::test]
async fn layers_are_shown_as_documented() {
    let first = CacheReading {
        evictions: 3,
        memory: Some(CacheMemory {
            entries: 2,
            bytes: 5000,
            limit_bytes: 65_536,
        }),
        latency: Some(CacheLatency {
            min_s: 0.000_000_5,
            max_s: 0.0082,
            mean_s: 0.0023,
            p50_s: 0.0021,
            p95_s: 0.0054,
            p99_s: 0.0078,
        }),
        ..layer("L1", 15_234, 1876)
    };
    let second = CacheReading {
        compression_ratio: 3.456_78,
        ..layer("L2", 0, 0)
    };
    let (status, answer) = shown(&[first, second], "/metrics/cache").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        keys(&answer),
        HashSet::from(["timestamp", "health", "L1", "L2"])
    );
    assert!(answer["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        answer["health"],
        json!({ "status": "optimal", "score": 98, "issues": [], "recommendations": [] })
    );
    assert_eq!(
        answer["L1"],
        json!({
            "metrics": {
                "hits": 15_234, "misses": 1876, "hitRate": 0.8904, "sets": 1876, "evictions": 3, "errors": 0,
                "avgGetLatency": 2.3, "compressionRatio": 1.0,
            },
            "latencyDistribution": {
                "min": 0.0005, "max": 8.2, "avg": 2.3, "p50": 2.1, "p95": 5.4, "p99": 7.8,
            },
            "memory": { "entries": 2, "bytes": 5000, "limit": 65_536 },
        })
    );
    let second = &answer["L2"];
    assert_eq!(keys(second), HashSet::from(["metrics"]));
    assert_eq!(second["metrics"]["compressionRatio"], json!(3.4568));
    assert_eq!(second["metrics"]["hitRate"], json!(0.0));
}

/// Scenario: one layer is asked for, one that there is not, and one in other letters. Guarantees: that one; 404 that names those there are.
#[tokio::test]
async fn layers_are_chosen() {
    let layers = [layer("L1", 1, 0), layer("L2", 0, 1)];
    let (_, answer) = shown(&layers, "/metrics/cache?layer=L2").await;
    assert_eq!(keys(&answer), HashSet::from(["timestamp", "health", "L2"]));
    for (path, said) in [
        ("/metrics/cache?layer=L3", "\"L3\""),
        ("/metrics/cache?layer=memory", "there is L1 and L2"),
        ("/metrics/cache?layer=l1", "did you mean \"L1\"?"),
    ] {
        let (status, answer) = shown(&layers, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(
            answer["message"].as_str().unwrap().contains(said),
            "{answer}"
        );
    }
    let (status, answer) = shown(&[], "/metrics/cache").await;
    assert_eq!(
        (status, &answer["health"]["status"]),
        (StatusCode::OK, &json!("optimal"))
    );
    assert!(
        answer["hint"]
            .as_str()
            .unwrap()
            .contains("[route.<name>.cache]")
    );
    let (status, answer) = shown(&[], "/metrics/cache?layer=L1").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("no route keeps answers"),
        "{answer}"
    );
}

/// Scenario: many and few hits of many and few requests, a layer that is down, one that answers too late. Guarantees: what is worth a look is an issue
/// with advice, and only with enough requests to say so; what both layers have counts together.
#[tokio::test]
async fn health_is_judged() {
    let evicting = CacheReading {
        evictions: 5,
        ..layer("L1", 10, 90)
    };
    let down = CacheReading {
        is_up: false,
        ..layer("L2", 0, 0)
    };
    let late = CacheReading {
        errors: 50,
        ..layer("L2", 50, 50)
    };
    for (layers, status, score, issue, advice) in [
        (vec![layer("L1", 70, 30)], "optimal", 77, "", ""),
        (
            vec![layer("L1", 69, 31)],
            "degraded",
            76,
            "69 % of 100",
            "Cache-Status",
        ),
        (vec![layer("L1", 0, 99)], "optimal", 100, "", ""),
        (
            vec![evicting],
            "unhealthy",
            11,
            "10 % of 100",
            "cache.memory",
        ),
        (
            vec![layer("L1", 60, 40), layer("L2", 20, 20)],
            "optimal",
            88,
            "",
            "",
        ),
        (
            vec![layer("L1", 95, 5), down],
            "unhealthy",
            40,
            "L2 cannot be reached",
            "log",
        ),
        (
            vec![layer("L1", 900, 100), late],
            "degraded",
            66,
            "33 % of what L2",
            "cache.timeout",
        ),
    ] {
        let (code, answer) = shown(&layers, "/metrics/cache").await;
        let health = &answer["health"];
        assert_eq!(
            code,
            StatusCode::OK,
            "a cache that is not well fails nobody"
        );
        assert_eq!(
            (&health["status"], &health["score"]),
            (&json!(status), &json!(score)),
            "{health}"
        );
        let text = |name: &str| health[name][0].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("issues").is_empty(), issue.is_empty(), "{health}");
        assert!(
            text("issues").contains(issue) && text("recommendations").contains(advice),
            "{health}"
        );
    }
}
