//! The labels of a series, as the store has rendered them.

use memchr::{memchr, memchr2};

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
        RawLabels { rest: self.own }.chain(RawLabels { rest: self.place })
    }

    /// What the set of labels is recognized by, in whatever order they stand.
    pub(super) fn fingerprint(self, key: FingerprintKey) -> Fingerprint {
        self.raw().fold(Fingerprint::default(), |set, label| {
            let name = key.of(label.name.as_bytes());
            set.with_member(name.then(key.of(label.value.as_bytes())))
        })
    }
}

/// A label as it stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawLabel<'a> {
    /// The name, escaped if it stood in quotes.
    pub name: &'a str,
    /// The value between its quotes, escaped.
    pub value: &'a str,
    /// Whether there are escapes in the name or the value.
    pub has_escapes: bool,
}

/// The labels of one text; ends early where the text is none.
struct RawLabels<'a> {
    rest: &'a str,
}

impl<'a> Iterator for RawLabels<'a> {
    type Item = RawLabel<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawLabel<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let found = label(self.rest);
        self.rest = found.map_or("", |(_, rest)| rest);
        found.map(|(label, _)| label)
    }
}

fn label(text: &str) -> Option<(RawLabel<'_>, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(opened) => quoted(opened)?,
        None => bare(text)?,
    };
    let (value, rest) = quoted(rest.strip_prefix("=\"")?)?;
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let label = RawLabel {
        name: name.text,
        value: value.text,
        has_escapes: name.has_escapes || value.has_escapes,
    };
    Some((label, rest))
}

struct Part<'a> {
    text: &'a str,
    has_escapes: bool,
}

fn bare(text: &str) -> Option<(Part<'_>, &str)> {
    let (text, rest) = text.split_at_checked(memchr(b'=', text.as_bytes())?)?;
    let has_escapes = false;
    Some((Part { text, has_escapes }, rest))
}

/// What stands before the closing quote, and what follows it.
fn quoted(opened: &str) -> Option<(Part<'_>, &str)> {
    let bytes = opened.as_bytes();
    let mut at = memchr2(b'"', b'\\', bytes)?;
    let has_escapes = bytes.get(at) == Some(&b'\\');
    while bytes.get(at) == Some(&b'\\') {
        // What follows a backslash ends nothing.
        let behind = at + 2;
        at = behind + memchr2(b'"', b'\\', bytes.get(behind..)?)?;
    }
    let text = opened.get(..at)?;
    Some((Part { text, has_escapes }, opened.get(at + 1..)?))
}

/// Appends `escaped` without its escapes.
pub(super) fn put_unescaped(out: &mut Vec<u8>, escaped: &str) {
    let mut bytes = escaped.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(literal) => literal,
                None => b'\\',
            },
            plain => plain,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
