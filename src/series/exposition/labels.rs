//! The labels of a series, as the store has rendered them.

use crate::series::naming::{RawLabel, raw_labels};
use crate::series::store::{Fingerprint, FingerprintKey};

/// Labels in two texts, `a="b","c.d"="e"`, of which either may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Labels<'a> {
    /// The series' own.
    pub own: &'a str,
    /// Those of the place it stands at.
    pub place: &'a str,
}

impl<'a> Labels<'a> {
    /// Each label.
    pub(super) fn raw(self) -> impl Iterator<Item = RawLabel<'a>> {
        raw_labels(self.own).chain(raw_labels(self.place))
    }

    /// What the set of labels is recognized by, in whatever order they stand.
    pub(super) fn fingerprint(self, key: FingerprintKey) -> Fingerprint {
        self.raw().fold(Fingerprint::default(), |set, label| {
            let name = key.of(label.name.as_bytes());
            set.with_member(name.then(key.of(label.value.as_bytes())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::naming::put_unescaped;

    /// Scenario: labels with quotes, backslashes, newlines, commas and quoted names, in two texts.
    /// Guarantees: each label comes out whole, and loses its escapes and nothing else.
    #[test]
    fn labels_come_apart_where_they_were_joined() {
        let labels = Labels {
            own: r#"a="x\",b=\"",b="\\\n","c.d"="é,""#,
            place: r#"job="j""#,
        };
        let unescaped: Vec<_> = labels
            .raw()
            .map(|label| {
                let mut value = Vec::new();
                put_unescaped(&mut value, label.value);
                (label.name, String::from_utf8(value).unwrap())
            })
            .collect();
        let expected = [
            ("a", "x\",b=\""),
            ("b", "\\\n"),
            ("c.d", "é,"),
            ("job", "j"),
        ];
        assert_eq!(
            unescaped,
            expected.map(|(name, value)| (name, value.into()))
        );
    }

    /// Scenario: texts that are no labels. Guarantees: reading ends, and nothing is made up.
    #[test]
    fn what_is_no_label_ends_the_labels() {
        for own in ["a", "a=", "a=\"", "a=\"\\", "\"a", "=", ",", "a=\"é\\"] {
            let labels = Labels { own, place: "" };
            assert_eq!(labels.raw().count(), 0, "{own}");
        }
    }

    /// Scenario: the same labels in another order and in other texts, and with names and values exchanged.
    /// Guarantees: the first two are the same set, the third is not.
    #[test]
    fn a_set_of_labels_has_no_order() {
        let key = FingerprintKey::stable();
        let print = |own, place| Labels { own, place }.fingerprint(key);
        assert_eq!(print(r#"a="1",b="2""#, ""), print(r#"b="2""#, r#"a="1""#));
        assert_ne!(print(r#"a="b""#, ""), print(r#"b="a""#, ""));
    }
}
