//! What is known of a probe before it runs.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{ProbeKind, ProbeSettings};

/// One probe: what it checks and how its runs are judged.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The configured name.
    pub name: Arc<str>,
    /// What kind of check it is.
    pub kind: ProbeKind,
    /// What it checks, for people, without user, password and query.
    pub target: String,
    /// The groups it belongs to, that of its kind first.
    pub groups: Vec<String>,
    /// Whether the agent is not ready while it is down.
    pub required: bool,
    /// The probe without which this one cannot work.
    pub parent: Option<String>,
    /// The time between two runs.
    pub every: Duration,
    /// The time between two runs while its state is being decided.
    pub confirm_every: Duration,
    /// How long one run may take.
    pub timeout: Duration,
    /// A success that takes longer is a warning.
    pub slow_after: Option<Duration>,
    /// How many runs make a state.
    pub thresholds: Thresholds,
}

/// How many runs in a row make a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures until it is down; at least 1.
    pub failures: u32,
    /// Successes until it is up again; at least 1.
    pub recoveries: u32,
}

impl Spec {
    /// The probe `name` as configured.
    pub fn of(name: &str, settings: &ProbeSettings) -> Spec {
        let kind = settings.url.kind();
        let mut groups: Vec<_> = kind.group().map(str::to_owned).into_iter().collect();
        groups.extend(settings.groups.iter().cloned());
        Spec {
            name: name.into(),
            kind,
            target: settings.url.to_string(),
            groups,
            required: settings.required,
            parent: settings.parent.clone(),
            every: settings.every,
            confirm_every: settings.confirm_every.min(settings.every),
            timeout: settings.timeout,
            slow_after: settings.slow_after,
            thresholds: Thresholds {
                failures: settings.failures,
                recoveries: settings.recoveries,
            },
        }
    }

    /// A probe of the agent itself: one look is enough to know, and it is nobody's dependency.
    pub fn own(name: &str, kind: ProbeKind, target: String, every: Duration) -> Spec {
        Spec {
            name: name.into(),
            kind,
            target,
            groups: kind.group().map(str::to_owned).into_iter().collect(),
            required: false,
            parent: None,
            every,
            confirm_every: every,
            timeout: OWN_TIMEOUT,
            slow_after: None,
            thresholds: Thresholds {
                failures: 1,
                recoveries: 1,
            },
        }
    }
}

/// How long the agent may look at itself. Only a file system that hangs takes that long.
const OWN_TIMEOUT: Duration = Duration::from_secs(5);
