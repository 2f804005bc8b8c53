//! Labels that must not be written as they are: their names are escaped, and no two series become one.
//!
//! The cold way: it allocates for each series. Where names stay as they are, labels go straight from the
//! store into the answer.

use std::borrow::Cow;
use std::collections::HashSet;

use super::labels::Labels;
use crate::series::naming::{Escaping, escape_labels, unescape_label_text, write_labels};
use crate::series::store::{Fingerprint, FingerprintKey};

/// How the labels of a scrape are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewriting {
    /// The scheme.
    pub escaping: Escaping,
    /// Whether there may be names that the scheme changes.
    pub changes_names: bool,
    /// The key to recognize sets of labels by.
    pub key: FingerprintKey,
}

impl Rewriting {
    /// The labels of an exemplar as they may be written.
    pub(super) fn exemplar_labels(self, labels: &str) -> Cow<'_, str> {
        let has_quotes = labels.starts_with('"') || labels.contains(",\"");
        match self.escaping {
            Escaping::AllowUtf8 => Cow::Borrowed(labels),
            Escaping::Underscores | Escaping::Values if !has_quotes => Cow::Borrowed(labels),
            _ => Cow::Owned(escaped(self.escaping, [labels, ""])),
        }
    }
}

fn escaped(escaping: Escaping, texts: [&str; 2]) -> String {
    let mut pairs: Vec<_> = texts.into_iter().flat_map(unescape_label_text).collect();
    escape_labels(escaping, &mut pairs);
    let mut text = String::new();
    write_labels(&mut text, &pairs);
    text
}

/// The labels of one family's series.
#[derive(Debug)]
pub(super) struct FamilyLabels {
    rewriting: Rewriting,
    /// Whether series come from two sides, so that two of them may be alike.
    is_merged: bool,
    seen: HashSet<Fingerprint>,
    text: String,
}

impl FamilyLabels {
    pub(super) fn new(rewriting: Rewriting, is_merged: bool) -> FamilyLabels {
        FamilyLabels {
            rewriting,
            is_merged,
            seen: HashSet::new(),
            text: String::new(),
        }
    }

    /// The labels to write; `None` if a series before was written with the same.
    ///
    /// The series of the store are told apart by the store: among them only escaped names make two alike.
    #[inline]
    pub(super) fn checked<'a>(
        &'a mut self,
        labels: Labels<'a>,
        is_own: bool,
    ) -> Option<Labels<'a>> {
        match self.rewriting.changes_names || self.is_merged {
            true => self.rewritten(labels, is_own),
            false => Some(labels),
        }
    }

    fn rewritten<'a>(&'a mut self, labels: Labels<'a>, is_own: bool) -> Option<Labels<'a>> {
        let Rewriting {
            escaping,
            changes_names,
            key,
        } = self.rewriting;
        let labels = match changes_names {
            true => {
                self.text = escaped(escaping, [labels.own, labels.place]);
                Labels {
                    own: &self.text,
                    place: "",
                }
            }
            false => labels,
        };
        let fingerprint = labels.fingerprint(key);
        let is_first = match is_own || changes_names {
            true => self.seen.insert(fingerprint),
            false => !self.seen.contains(&fingerprint),
        };
        is_first.then_some(labels)
    }
}
