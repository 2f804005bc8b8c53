//! How a database stands to the migrations that this binary knows.

use std::collections::BTreeMap;
use std::fmt;

use super::MigrationError;
use super::steps::Step;

/// A migration that the database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) description: String,
    /// UTC, to the second.
    pub(super) at: String,
    pub(super) batch: Option<i64>,
    pub(super) is_whole: bool,
    pub(super) checksum: Vec<u8>,
}

/// How one migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It is to be applied.
    Pending,
    /// It is applied.
    Applied,
    /// It is applied, and was another one then.
    Changed,
    /// It is applied, and this binary does not know it.
    Newer,
    /// It was begun and did not end.
    HalfApplied,
}

impl StepState {
    /// The state in words.
    pub const fn name(self) -> &'static str {
        match self {
            StepState::Pending => "pending",
            StepState::Applied => "applied",
            StepState::Changed => "changed",
            StepState::Newer => "newer than this binary",
            StepState::HalfApplied => "half applied",
        }
    }
}

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub description: String,
    /// How it stands.
    pub state: StepState,
    /// When it was applied, in UTC.
    pub applied_at: Option<String>,
    /// The run of `lineside db migrate`, or of the agent, that applied it.
    pub batch: Option<i64>,
}

/// Every migration that the database has or this binary knows, in order. It prints as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(pub Vec<StepStatus>);

impl Status {
    pub(super) fn of(steps: &[Step], applied: Vec<Applied>) -> Status {
        let pending = steps
            .iter()
            .map(|step| (step.version, StepStatus::pending(step)));
        let mut all: BTreeMap<i64, StepStatus> = pending.collect();
        for applied in applied {
            let step = steps.iter().find(|step| step.version == applied.version);
            all.insert(applied.version, StepStatus::applied(step, applied));
        }
        Status(all.into_values().collect())
    }

    /// Whether there is nothing to do and nothing wrong.
    pub fn is_up_to_date(&self) -> bool {
        self.0.iter().all(|step| step.state == StepState::Applied)
    }

    /// The versions that are to be applied.
    pub(super) fn pending(&self) -> Vec<i64> {
        self.versions(StepState::Pending)
    }

    /// What stands in the way of applying or taking back anything.
    pub(super) fn obstacle(&self) -> Option<MigrationError> {
        let first = |state| self.versions(state).first().copied();
        None.or(first(StepState::HalfApplied).map(MigrationError::HalfApplied))
            .or(first(StepState::Newer).map(MigrationError::Newer))
            .or(first(StepState::Changed).map(MigrationError::Changed))
    }

    /// The last batch, and its versions, the latest first.
    pub(super) fn last_batch(&self) -> Option<(i64, Vec<i64>)> {
        let batch = self.0.iter().filter_map(|step| step.batch).max()?;
        let of_batch = self.0.iter().rev().filter(|step| step.batch == Some(batch));
        Some((batch, of_batch.map(|step| step.version).collect()))
    }

    fn versions(&self, state: StepState) -> Vec<i64> {
        let of_state = self.0.iter().filter(|step| step.state == state);
        of_state.map(|step| step.version).collect()
    }
}

impl StepStatus {
    fn pending(step: &Step) -> StepStatus {
        StepStatus {
            version: step.version,
            description: step.description.to_owned(),
            state: StepState::Pending,
            applied_at: None,
            batch: None,
        }
    }

    fn applied(step: Option<&Step>, applied: Applied) -> StepStatus {
        let state = match step {
            _ if !applied.is_whole => StepState::HalfApplied,
            None => StepState::Newer,
            Some(step) if *step.up().checksum != *applied.checksum => StepState::Changed,
            Some(_) => StepState::Applied,
        };
        StepStatus {
            version: applied.version,
            description: applied.description,
            state,
            applied_at: Some(applied.at),
            batch: applied.batch,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7}  {:<32}  {:<23}  {:>5}  state",
            "version", "description", "applied at", "batch"
        )?;
        for step in &self.0 {
            let at = step.applied_at.as_ref().map(|at| format!("{at} UTC"));
            let batch = step.batch.map(|batch| batch.to_string());
            writeln!(
                f,
                "{:>7}  {:<32}  {:<23}  {:>5}  {}",
                step.version,
                step.description,
                at.as_deref().unwrap_or("-"),
                batch.as_deref().unwrap_or("-"),
                step.state.name()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(version: i64) -> Step {
        Step {
            version,
            description: "one",
            up: "SELECT 1",
            down: "SELECT 2",
        }
    }

    fn applied(version: i64, batch: i64) -> Applied {
        Applied {
            version,
            description: "one".to_owned(),
            at: "2031-01-02 03:04:05".to_owned(),
            batch: Some(batch),
            is_whole: true,
            checksum: step(version).up().checksum.to_vec(),
        }
    }

    /// Scenario: databases that have all, some, other and broken migrations. Guarantees: each is told apart, and what must be seen to
    /// first is named first.
    #[test]
    fn databases_are_compared() {
        use StepState::{Changed, HalfApplied, Newer, Pending};
        let steps = [step(1), step(2)];
        let states = |all: Vec<Applied>| {
            let status = Status::of(&steps, all);
            let states: Vec<_> = status.0.iter().map(|step| step.state).collect();
            (states, status.obstacle(), status.is_up_to_date())
        };
        let whole = StepState::Applied;
        let changed = Applied {
            checksum: vec![1],
            ..applied(1, 1)
        };
        let half = Applied {
            is_whole: false,
            ..applied(2, 1)
        };
        let (one, two, three) = (applied(1, 1), applied(2, 1), applied(3, 2));
        assert_eq!(states(vec![]), (vec![Pending, Pending], None, false));
        assert_eq!(
            states(vec![one.clone()]),
            (vec![whole, Pending], None, false)
        );
        assert_eq!(
            states(vec![two.clone()]),
            (vec![Pending, whole], None, false)
        );
        assert_eq!(
            states(vec![one.clone(), two.clone()]),
            (vec![whole, whole], None, true)
        );
        let error = Some(MigrationError::Changed(1));
        assert_eq!(
            states(vec![changed.clone(), two.clone()]),
            (vec![Changed, whole], error, false)
        );
        let error = Some(MigrationError::Newer(3));
        let found = states(vec![changed, two, three.clone()]);
        assert_eq!(found, (vec![Changed, whole, Newer], error, false));
        let error = Some(MigrationError::HalfApplied(2));
        assert_eq!(
            states(vec![one, half, three]),
            (vec![whole, HalfApplied, Newer], error, false)
        );
    }

    /// Scenario: migrations of two batches, and one that is pending. Guarantees: the last batch is found, its latest version first; the
    /// table has a line for each.
    #[test]
    fn the_last_batch_is_found() {
        let steps = [1, 2, 3, 4].map(step);
        let status = Status::of(&steps, vec![applied(1, 1), applied(2, 2), applied(3, 2)]);
        assert_eq!(status.last_batch(), Some((2, vec![3, 2])));
        assert_eq!(status.pending(), [4]);
        assert_eq!(Status::of(&steps, vec![]).last_batch(), None);
        let table = status.to_string();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 5, "{table}");
        assert!(
            lines[2].contains("2031-01-02 03:04:05 UTC") && lines[2].ends_with("2  applied"),
            "{table}"
        );
        assert!(lines[4].ends_with("-  pending"), "{table}");
    }
}
