//! Whether one of the agent's own exports gets rid of what it is given. It asks the export, and calls nobody.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;

use super::Check;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;
use crate::resilience::BreakerState;
use crate::telemetry::names;

/// How an export stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportHealth {
    /// Why the last attempt failed; `None` once one succeeds.
    pub last_error: Option<String>,
    /// Whether the destination is left alone for a while.
    pub breaker: BreakerState,
    /// How long ago the oldest batch that still waits was received; `None` while nothing waits.
    pub oldest_waiting: Option<Duration>,
    /// Items that wait.
    pub items_waiting: u64,
    /// Whether what waits survives a restart.
    pub is_on_disk: bool,
}

/// Says how an export stands at the moment.
pub type AskExport = Arc<dyn Fn() -> ExportHealth + Send + Sync>;

/// Asks one export how it stands.
pub(super) struct ExportCheck {
    name: String,
    /// When the oldest batch has waited longer, the export is stuck.
    stuck_after: Duration,
    ask: AskExport,
}

impl ExportCheck {
    /// Checks the export `name`.
    pub(super) fn new(name: &str, stuck_after: Duration, ask: AskExport) -> ExportCheck {
        ExportCheck {
            name: name.to_owned(),
            stuck_after,
            ask,
        }
    }

    fn judge(&self, run: &Run, health: &ExportHealth) -> Result<(), Failure> {
        let oldest = health.oldest_waiting.unwrap_or_default();
        if oldest > self.stuck_after {
            let why = health.last_error.as_deref();
            let why = why.unwrap_or("the destination takes too little");
            let limit = humantime::format_duration(self.stuck_after);
            let message = format!(
                "{}, longer than stuck_after ({limit}): {why}",
                waiting(health)
            );
            return Err(Failure::new(Reason::Stuck, message));
        }
        if let Some(why) = trouble(health) {
            run.warn(format!(
                "{why}; {}: bring the destination back",
                waiting(health)
            ));
        }
        Ok(())
    }
}

fn trouble(health: &ExportHealth) -> Option<&str> {
    let open = matches!(
        health.breaker,
        BreakerState::Open | BreakerState::ForcedOpen
    );
    let left_alone = open.then_some("the destination is left alone for a while");
    health.last_error.as_deref().or(left_alone)
}

/// "1,234 items wait safely on disk, the oldest for 12s".
fn waiting(health: &ExportHealth) -> String {
    if health.items_waiting == 0 {
        return "nothing waits".to_owned();
    }
    let place = match health.is_on_disk {
        true => "safely on disk",
        false => "in memory",
    };
    let (items, verb) = match health.items_waiting {
        1 => ("1 item".to_owned(), "waits"),
        count => (format!("{} items", grouped(count)), "wait"),
    };
    let age = health.oldest_waiting.unwrap_or_default();
    let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
    format!("{items} {verb} {place}, the oldest for {age}")
}

/// A number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[async_trait]
impl Check for ExportCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new(names::EXPORT, self.name.clone())]
    }

    fn is_call(&self) -> bool {
        false
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let health = run.phase(Phase::Look, async { (self.ask)() }).await;
        run.fact("items_waiting", health.items_waiting);
        run.fact("breaker", health.breaker.word());
        if let Some(oldest) = health.oldest_waiting {
            let oldest_ms = u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX);
            run.fact("oldest_waiting_ms", oldest_ms);
        }
        self.judge(run, &health)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn health(error: Option<&str>, breaker: BreakerState, oldest: Option<u64>) -> ExportHealth {
        ExportHealth {
            last_error: error.map(str::to_owned),
            breaker,
            oldest_waiting: oldest.map(Duration::from_secs),
            items_waiting: 1234,
            is_on_disk: true,
        }
    }

    async fn checked(health: ExportHealth) -> String {
        let ask: AskExport = Arc::new(move || health.clone());
        let check = ExportCheck::new("collector", Duration::from_secs(60), ask);
        let run = Run::begin(Duration::from_secs(1), HeaderMap::new());
        let checked = check.check(&run).await;
        let found = run.take();
        assert_eq!(found.facts["items_waiting"], 1234);
        match (checked, &*found.warnings) {
            (Ok(()), []) => "pass".to_owned(),
            (Ok(()), [warning]) => format!("warn: {warning}"),
            (Err(failure), []) => format!("fail: {} ({})", failure.message, failure.reason.name()),
            both => panic!("{both:?}"),
        }
    }

    /// Scenario: an export that delivers, one that is merely slow, that fails, whose breaker is open, and whose oldest batch
    /// waits as long as it may and longer.
    /// Guarantees: it passes until it fails; a failure is a warning as long as nothing is late, and stuck when it is.
    #[tokio::test]
    async fn an_export_is_well_until_it_fails_and_stuck_when_late() {
        use BreakerState::{Closed, HalfOpen, Open};
        let refused = Some("connection refused");
        let waits =
            "1,234 items wait safely on disk, the oldest for 12s: bring the destination back";
        let cases = [
            (health(None, Closed, None), "pass".to_owned()),
            (health(None, Closed, Some(60)), "pass".to_owned()),
            (health(None, HalfOpen, Some(12)), "pass".to_owned()),
            (health(refused, Closed, Some(12)), format!("warn: connection refused; {waits}")),
            (health(refused, Open, Some(12)), format!("warn: connection refused; {waits}")),
            (
                health(None, Open, Some(12)),
                format!("warn: the destination is left alone for a while; {waits}"),
            ),
            (
                health(refused, Open, Some(61)),
                "fail: 1,234 items wait safely on disk, the oldest for 1m 1s, longer than stuck_after (1m): connection refused (stuck)".to_owned(),
            ),
            (
                health(None, Closed, Some(61)),
                "fail: 1,234 items wait safely on disk, the oldest for 1m 1s, longer than stuck_after (1m): the destination takes too little (stuck)".to_owned(),
            ),
        ];
        for (health, expected) in cases {
            assert_eq!(checked(health.clone()).await, expected, "{health:?}");
        }
    }

    /// Scenario: one item, none, and many; in memory.
    /// Guarantees: the sentence is a sentence, and promises no disk where there is none.
    #[test]
    fn what_waits_is_told_in_words() {
        let mut health = health(None, BreakerState::Closed, None);
        health.is_on_disk = false;
        for (items, expected) in [
            (0, "nothing waits"),
            (1, "1 item waits in memory, the oldest for 0s"),
            (999, "999 items wait in memory, the oldest for 0s"),
            (
                1_234_567,
                "1,234,567 items wait in memory, the oldest for 0s",
            ),
        ] {
            health.items_waiting = items;
            assert_eq!(waiting(&health), expected);
        }
    }
}
