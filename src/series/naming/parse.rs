//! A label text read back.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::label::LabelPair;
use super::legacy::is_legacy_label_name;

/// A label as it stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawLabel<'a> {
    /// The name, escaped if it stood in quotes.
    pub name: &'a str,
    /// The value between its quotes, escaped.
    pub value: &'a str,
    /// Whether there are escapes in the name or the value.
    pub has_escapes: bool,
    has_quoted_name: bool,
}

/// The labels of a text that [`write_labels`](super::write_labels) wrote, as they stand there. Ends early where the text
/// is no such text; that names without quotes are legacy names is not looked at.
#[inline]
pub fn raw_labels(text: &str) -> RawLabels<'_> {
    RawLabels { rest: text }
}

/// The labels of a text, one by one; see [`raw_labels`].
#[derive(Clone, Debug)]
pub struct RawLabels<'a> {
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
        self.rest = found.map_or("", |(_, behind)| {
            behind.strip_prefix(',').unwrap_or_default()
        });
        found.map(|(label, _)| label)
    }
}

/// The labels of a text that [`write_labels`](super::write_labels) wrote. Ends early where the text is no such text.
pub fn unescape_label_text(text: &str) -> LabelTexts<'_> {
    LabelTexts {
        labels: raw_labels(text),
    }
}

/// The labels of a text, one by one; see [`unescape_label_text`].
#[derive(Clone, Debug)]
pub struct LabelTexts<'a> {
    labels: RawLabels<'a>,
}

impl<'a> Iterator for LabelTexts<'a> {
    type Item = LabelPair<'a>;

    fn next(&mut self) -> Option<LabelPair<'a>> {
        let label = self.labels.next()?;
        if !label.has_quoted_name && !is_legacy_label_name(label.name) {
            self.labels.rest = "";
            return None;
        }
        Some((unescape(label.name), unescape(label.value)))
    }
}

/// The label that `text` begins with, and what comes after it.
#[inline]
fn label(text: &str) -> Option<(RawLabel<'_>, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(opened) => quoted(opened)?,
        None => bare(text)?,
    };
    let (value, rest) = quoted(rest.strip_prefix("=\"")?)?;
    let label = RawLabel {
        name: name.text,
        value: value.text,
        has_escapes: name.has_escapes || value.has_escapes,
        has_quoted_name: text.starts_with('"'),
    };
    Some((label, rest))
}

struct Part<'a> {
    text: &'a str,
    has_escapes: bool,
}

#[inline]
fn bare(text: &str) -> Option<(Part<'_>, &str)> {
    let (text, rest) = text.split_at_checked(memchr(b'=', text.as_bytes())?)?;
    let has_escapes = false;
    Some((Part { text, has_escapes }, rest))
}

/// What stands before the closing quote, and what follows it.
#[inline]
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

/// A name or a value without its escapes.
pub fn unescape(escaped: &str) -> Cow<'_, str> {
    if !escaped.contains('\\') {
        return Cow::Borrowed(escaped);
    }
    let mut plain = Vec::with_capacity(escaped.len());
    put_unescaped(&mut plain, escaped);
    // Escapes are ASCII, so that what is left of a text without them is a text.
    Cow::Owned(String::from_utf8(plain).unwrap_or_default())
}

/// Appends a name or a value without its escapes.
pub fn put_unescaped(out: &mut Vec<u8>, escaped: &str) {
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
