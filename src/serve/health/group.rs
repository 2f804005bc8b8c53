//! Several checks as one.

use std::time::SystemTime;

use super::selection::is_called;
use super::verdict::sentence;
use crate::serve::{Check, CheckStatus};

/// The checks that a name stands for, as one.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) checks: Vec<&'a Check>,
}

impl<'a> Group<'a> {
    /// Those of `checks` that one of `names` is the name or a group of.
    pub(super) fn of(checks: &'a [Check], names: &[&str]) -> Group<'a> {
        let is_member = |check: &&Check| names.iter().any(|name| is_called(check, name));
        let members = checks.iter().filter(is_member);
        Group {
            checks: members.collect(),
        }
    }

    /// The worst of those that are not excused.
    pub(super) fn status(&self) -> CheckStatus {
        let statuses = self.counted().map(|check| check.status);
        let worst = statuses.max_by_key(|status| badness(*status));
        worst.unwrap_or(CheckStatus::Pass)
    }

    /// "2 of 3 pass"
    pub(super) fn message(&self) -> String {
        let is_passing = |check: &&&Check| check.status == CheckStatus::Pass;
        let passing = self.checks.iter().filter(is_passing).count();
        let excused = self.checks.len() - self.counted().count();
        let mut text = format!("{passing} of {} pass", self.checks.len());
        if excused > 0 {
            text.push_str(&format!(", {excused} excused"));
        }
        text
    }

    /// What to say of the worst, where it is not as it should be.
    pub(super) fn worst(&self, now: SystemTime) -> Option<String> {
        let status = self.status();
        let mut counted = self.counted();
        let worst = counted.find(|check| check.status == status)?;
        (status != CheckStatus::Pass).then(|| sentence(worst, now))
    }

    fn counted(&self) -> impl Iterator<Item = &'a Check> {
        let all = self.checks.iter().copied();
        all.filter(|check| check.excused.is_none())
    }
}

fn badness(status: CheckStatus) -> u8 {
    match status {
        CheckStatus::Pass => 0,
        CheckStatus::Starting => 1,
        CheckStatus::Warn => 2,
        CheckStatus::Fail => 3,
    }
}
