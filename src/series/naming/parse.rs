//! A label text read back.

use std::borrow::Cow;

use super::label::LabelPair;
use super::legacy::is_legacy_label_name;

/// The labels of a text that [`write_labels`](super::write_labels) wrote. Ends early where the text is no such text.
pub fn unescape_label_text(text: &str) -> LabelTexts<'_> {
    LabelTexts { rest: text }
}

/// The labels of a text, one by one; see [`unescape_label_text`].
#[derive(Clone, Debug)]
pub struct LabelTexts<'a> {
    rest: &'a str,
}

impl<'a> Iterator for LabelTexts<'a> {
    type Item = LabelPair<'a>;

    fn next(&mut self) -> Option<LabelPair<'a>> {
        let (pair, behind) = label(self.rest).unzip();
        self.rest = behind.map_or("", |behind: &str| {
            behind.strip_prefix(',').unwrap_or_default()
        });
        pair
    }
}

/// The label that `text` begins with, and what comes after it.
fn label(text: &str) -> Option<(LabelPair<'_>, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(opened) => quoted(opened)?,
        None => bare(text)?,
    };
    let (value, rest) = quoted(rest.strip_prefix("=\"")?)?;
    Some(((name, value), rest))
}

fn bare(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (name, rest) = text.split_at(text.find('=')?);
    is_legacy_label_name(name).then_some((Cow::Borrowed(name), rest))
}

/// The text up to the closing quote, unescaped, and what comes after it.
fn quoted(opened: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut is_escaped = false;
    let end = opened.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })?;
    let (inside, closed) = opened.split_at(end);
    Some((unescape(inside), &closed[1..]))
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => letters.next().map_or('\\', escaped),
            letter => letter,
        });
    }
    Cow::Owned(plain)
}

const fn escaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        literal => literal,
    }
}
