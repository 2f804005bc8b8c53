//! What the ledger says of each export, added up over the signals.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::otlp::Signal;

/// Items of one export, of all signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Items {
    pub(super) received: u64,
    pub(super) delivered: u64,
    pub(super) waiting: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
}

/// By the export's name, from the ledger as `/api/ledger` shows it.
pub(super) fn by_export(ledger: &Value) -> BTreeMap<&str, Items> {
    let exports = ledger["exports"].as_object().into_iter().flatten();
    exports
        .map(|(name, export)| (name.as_str(), items(export)))
        .collect()
}

fn items(export: &Value) -> Items {
    let mut items = Items::default();
    for signal in Signal::ALL {
        let row = &export[signal.name()];
        let dropped = row["dropped"].as_object().into_iter().flatten();
        items.received += count(&row["received"]);
        items.delivered += count(&row["delivered"]);
        items.waiting += count(&row["waiting"]);
        items.refused += count(&row["refused"]);
        items.dropped += dropped.map(|(_, value)| count(value)).sum::<u64>();
    }
    items
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Scenario: a ledger with two signals of one export, and something else in place of a ledger.
    /// Guarantees: the rows are added up; nothing is made of the other.
    #[test]
    fn rows_are_added_up() {
        let ledger = json!({ "exports": { "sink": {
            "traces": { "received": 9, "waiting": 1, "delivered": 5, "refused": 1, "dropped": { "expired": 2 } },
            "logs": { "received": 1, "waiting": 0, "delivered": 1, "refused": 0, "dropped": {} },
            "services": { "shop": { "traces": { "received": 9 } } },
        } } });
        let sink = Items {
            received: 10,
            delivered: 6,
            waiting: 1,
            refused: 1,
            dropped: 2,
        };
        assert_eq!(by_export(&ledger), BTreeMap::from([("sink", sink)]));
        assert!(by_export(&json!({ "received": 7 })).is_empty());
    }
}
