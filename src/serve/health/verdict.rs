//! How the agent stands: the one place where it is decided.

use std::time::SystemTime;

use http::StatusCode;

use super::selection::{EXPORTS, Selection, is_called};
use crate::serve::answer::rfc3339;
use crate::serve::{Check, CheckStatus, Face, Phase};

/// How all of it stands. The later decides over the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overall {
    /// As it should be.
    Healthy,
    /// Does its work, but somebody should look.
    Degraded,
    /// Not known yet.
    Starting,
    /// Something that it needs does not work, or it ends.
    Unhealthy,
}

impl Overall {
    /// 503 tells load balancers and orchestrators to look elsewhere.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Overall::Healthy | Overall::Degraded => StatusCode::OK,
            Overall::Starting | Overall::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word, where `healthy` is said with this one.
    pub(super) const fn word(self, healthy: &'static str) -> &'static str {
        match self {
            Overall::Healthy => healthy,
            Overall::Degraded => "degraded",
            Overall::Starting => "starting",
            Overall::Unhealthy => "unhealthy",
        }
    }
}

/// What there is to judge.
#[derive(Debug)]
pub(super) struct Situation {
    pub(super) phase: Phase,
    /// Sentences about exports that are stuck.
    pub(super) stuck: Vec<String>,
    pub(super) checks: Vec<Check>,
    /// Names that were asked for and that nothing has.
    pub(super) unknown: Vec<String>,
}

impl Situation {
    /// As it is now for what `selection` takes.
    pub(super) fn now(face: &Face, selection: &Selection) -> Situation {
        let phase = (face.phase)();
        let mut checks = (face.checks)();
        let unknown = selection.unknown(&checks);
        checks.retain(|check| selection.takes(check));
        let is_asked = phase == Phase::Running && selection.takes_exports();
        Situation {
            phase,
            stuck: match is_asked {
                true => (face.stuck)(),
                false => Vec::new(),
            },
            checks,
            unknown,
        }
    }

    /// Leaves the checks alone to be judged, whatever the agent and its exports do.
    pub(super) fn forget_agent(&mut self) {
        self.phase = Phase::Running;
        self.stuck.clear();
    }

    /// The worst of everything.
    pub(super) fn overall(&self) -> Overall {
        match self.phase {
            Phase::Starting => Overall::Starting,
            Phase::Draining => Overall::Unhealthy,
            Phase::Running if !self.stuck.is_empty() => Overall::Unhealthy,
            Phase::Running => {
                let weights = self.checks.iter().map(weight);
                weights.max().unwrap_or(Overall::Healthy)
            }
        }
    }

    /// Why it is not better than `than`, the worst first. While the agent starts or ends that alone is said.
    pub(super) fn reasons(&self, than: Overall, now: SystemTime) -> Vec<String> {
        match self.phase {
            Phase::Starting => vec!["the agent is starting".to_owned()],
            Phase::Draining => vec!["the agent is shutting down".to_owned()],
            Phase::Running => {
                let mut reasons = self.stuck.clone();
                for worst in [Overall::Unhealthy, Overall::Starting, Overall::Degraded] {
                    if worst > than {
                        reasons.extend(self.of_weight(worst, now));
                    }
                }
                reasons
            }
        }
    }

    /// What it waits for to have started; empty once it has.
    pub(super) fn awaited(&self, now: SystemTime) -> Vec<String> {
        match self.phase {
            Phase::Starting => self.reasons(Overall::Degraded, now),
            Phase::Running => self.of_weight(Overall::Starting, now).collect(),
            Phase::Draining => Vec::new(),
        }
    }

    /// Whether `check` is that of an export which is among the stuck ones already. Which one does not matter: as long as
    /// one is stuck, each that fails is.
    fn is_said_of_stuck(&self, check: &Check) -> bool {
        !self.stuck.is_empty() && check.status == CheckStatus::Fail && is_called(check, EXPORTS)
    }

    fn of_weight(&self, wanted: Overall, now: SystemTime) -> impl Iterator<Item = String> {
        let checks = self.checks.iter();
        let weighing =
            checks.filter(move |check| weight(check) == wanted && !self.is_said_of_stuck(check));
        weighing.map(move |check| sentence(check, now))
    }
}

/// What a check by itself makes of the whole. One that is excused counts as nothing.
pub(super) fn weight(check: &Check) -> Overall {
    match check.status {
        _ if check.excused.is_some() => Overall::Healthy,
        CheckStatus::Pass => Overall::Healthy,
        CheckStatus::Warn => Overall::Degraded,
        CheckStatus::Fail if check.required => Overall::Unhealthy,
        CheckStatus::Fail => Overall::Degraded,
        CheckStatus::Starting if check.required => Overall::Starting,
        CheckStatus::Starting => Overall::Healthy,
    }
}

/// "orders-db: connection refused [refused, connect], since 12:03:11"
pub(super) fn sentence(check: &Check, now: SystemTime) -> String {
    let mut text = format!("{}: {}", check.name, finding(check));
    if let Some(since) = check.since {
        text.push_str(", since ");
        text.push_str(&clock(since, now));
    }
    text
}

/// What was found, as a part of a sentence.
pub(super) fn finding(check: &Check) -> &str {
    match check.message.trim_end_matches('.') {
        "" => check.status.name(),
        message => message,
    }
}

/// The time of day in UTC, with the date unless that is today's.
pub(super) fn clock(time: SystemTime, now: SystemTime) -> String {
    let (time, now) = (rfc3339(time), rfc3339(now));
    let (day, clock) = time.split_once('T').unwrap_or((&time, ""));
    let clock = clock.split('.').next().unwrap_or_default();
    match now.starts_with(day) {
        true => clock.to_owned(),
        false => format!("{day} {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Scenario: times of this day, of the day before, and of a clock that went back.
    /// Guarantees: the date stands there unless it is today's.
    #[test]
    fn a_clock_shows_the_date_where_it_must() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_366_591);
        let hours = |count: u64| Duration::from_secs(3600 * count);
        for (time, text) in [
            (noon, "12:03:11"),
            (noon - hours(12), "00:03:11"),
            (noon - hours(13), "2026-02-28 23:03:11"),
            (noon + hours(12), "2026-03-02 00:03:11"),
        ] {
            assert_eq!(clock(time, noon), text);
        }
    }
}
