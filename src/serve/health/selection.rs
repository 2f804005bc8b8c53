//! Which checks a question is about: `?include=` and `?exclude=`.

use crate::serve::Check;
use crate::serve::fault::Refusal;
use crate::serve::request::Request;

/// Names that one list may hold.
const MAX_NAMES: usize = 100;
/// The longest part of a name that answers repeat.
const MAX_NAME_BYTES: usize = 64;
/// The name under which all checks are found.
const ALL: &str = "all";
/// The group of the agent's own exports.
pub(super) const EXPORTS: &str = "exports";
/// The group of the circuit breakers of routes.
pub const BREAKERS: &str = "circuit-breakers";
/// Parts of answers that are no checks, so that asking for one by name is no mistake.
const SECTIONS: [&str; 3] = ["cpu", "memory", "system"];

/// The names of checks and groups that a question is about.
#[derive(Debug, Default)]
pub(in crate::serve) struct Selection {
    /// Empty: all.
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Selection {
    /// What the query of `request` says.
    ///
    /// # Errors
    ///
    /// Refuses lists that are too long.
    pub(in crate::serve) fn of(request: &Request) -> Result<Selection, Refusal> {
        Ok(Selection {
            include: names(request, "include")?,
            exclude: names(request, "exclude")?,
        })
    }

    /// Whether `check` is one of them.
    pub(in crate::serve) fn takes(&self, check: &Check) -> bool {
        let is_meant = |name: &String| name == ALL || is_called(check, name);
        let is_included = self.is_about_all() || self.include.iter().any(is_meant);
        is_included && !self.exclude.iter().any(is_meant)
    }

    /// `name` as answers repeat it.
    pub(in crate::serve) fn shortened(name: &str) -> String {
        const MARK: char = '…';
        if name.len() <= MAX_NAME_BYTES {
            return name.to_owned();
        }
        let mut text =
            name[..name.floor_char_boundary(MAX_NAME_BYTES - MARK.len_utf8())].to_owned();
        text.push(MARK);
        text
    }

    /// Whether the exports' being stuck is of interest.
    pub(super) fn takes_exports(&self) -> bool {
        let is_meant = |name: &String| name == ALL || name == EXPORTS;
        let is_included = self.is_about_all() || self.include.iter().any(is_meant);
        is_included && !self.exclude.iter().any(is_meant)
    }

    /// Whether the section of this name is shown.
    pub(super) fn takes_section(&self, name: &str) -> bool {
        !self.exclude.iter().any(|excluded| excluded == name)
    }

    /// The same, but about everything that is not excluded.
    pub(super) fn without_include(&self) -> Selection {
        Selection {
            include: Vec::new(),
            exclude: self.exclude.clone(),
        }
    }

    /// The names of `include` that may be those of checks or groups.
    pub(super) fn included(&self) -> impl Iterator<Item = &str> {
        let names = self.include.iter().map(String::as_str);
        names.filter(|name| !SECTIONS.contains(name))
    }

    /// The names of `include` that nothing has, as answers repeat them.
    pub(super) fn unknown(&self, checks: &[Check]) -> Vec<String> {
        let is_known = |name: &str| {
            [ALL, EXPORTS, BREAKERS].contains(&name)
                || checks.iter().any(|check| is_called(check, name))
        };
        let unknown = self.included().filter(|name| !is_known(name));
        unknown.map(Selection::shortened).collect()
    }

    fn is_about_all(&self) -> bool {
        self.included().next().is_none()
    }
}

/// Whether `name` is the name of `check` or of one of its groups.
pub(super) fn is_called(check: &Check, name: &str) -> bool {
    check.name == name || check.groups.iter().any(|group| group == name)
}

fn names(request: &Request, key: &'static str) -> Result<Vec<String>, Refusal> {
    let mut names = request.list(key);
    names.sort_unstable();
    names.dedup();
    match names.len() > MAX_NAMES {
        true => Err(Refusal::TooManyNames {
            key,
            limit: MAX_NAMES,
        }),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names at the limit and beyond, with letters of several bytes at the cut.
    /// Guarantees: at most 64 bytes come back, whole letters only, and a cut is marked.
    #[test]
    fn long_names_are_cut() {
        let fits = "n".repeat(64);
        assert_eq!(Selection::shortened(&fits), fits);
        assert_eq!(
            Selection::shortened(&"n".repeat(65)),
            format!("{}…", "n".repeat(61))
        );
        let cut = Selection::shortened(&"ä".repeat(40));
        assert_eq!(cut, format!("{}…", "ä".repeat(30)));
    }
}
