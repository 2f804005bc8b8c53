//! Names for scrapes that cannot read every character: <https://prometheus.io/docs/instrumenting/escaping_schemes/>.

use std::borrow::Cow;
use std::fmt::Write;

use super::label::{LabelPair, merge};
use super::legacy::{
    is_label_byte, is_legacy_label_name, is_legacy_metric_name, is_metric_byte, starts_with_digit,
};

/// What `escaping` in an `Accept` header asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// `_` for every character that a legacy name cannot hold.
    #[default]
    Underscores,
    /// The same, but `_dot_` for a dot and `__` for an underscore.
    Dots,
    /// `U__`, and then the code points of such characters in hexadecimal.
    Values,
    /// Names as they are, in quotes where need be.
    AllowUtf8,
}

impl Escaping {
    /// Every scheme.
    pub const ALL: [Escaping; 4] = [
        Escaping::Underscores,
        Escaping::Dots,
        Escaping::Values,
        Escaping::AllowUtf8,
    ];

    /// The scheme as `Accept` and `Content-Type` spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
            Escaping::AllowUtf8 => "allow-utf-8",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<Escaping> {
        Escaping::ALL
            .into_iter()
            .find(|scheme| scheme.name() == name)
    }
}

/// The metric name `name` in a scheme. Borrowed if it stays as it is.
pub fn escape_metric_name(escaping: Escaping, name: &str) -> Cow<'_, str> {
    escape(escaping, name, is_legacy_metric_name, is_metric_byte)
}

/// The label name `name` in a scheme. Borrowed if it stays as it is.
///
/// The schemes allow a colon in label names as well, but no legacy reader does, and it refuses the whole scrape
/// for one; so it is escaped like any other character. And no name becomes `__name__`, which is the metric's own.
pub fn escape_label_name(escaping: Escaping, name: &str) -> Cow<'_, str> {
    match escape(escaping, name, is_legacy_label_name, is_label_byte) {
        escaped if escaped == "__name__" => Cow::Owned("_name__".to_owned()),
        escaped => escaped,
    }
}

/// Labels, as [`merge_labels`](super::merge_labels) makes them, with their names in a scheme: sorted by those, and the
/// values of names that become one joined as the specification joins those of attributes.
pub fn escape_labels(escaping: Escaping, pairs: &mut Vec<LabelPair<'_>>) {
    merge(pairs, |name| Some(escape_label_name(escaping, name)));
}

fn escape<'a>(
    escaping: Escaping,
    name: &'a str,
    is_legacy: fn(&str) -> bool,
    legal: fn(u8) -> bool,
) -> Cow<'a, str> {
    let stays = match escaping {
        Escaping::AllowUtf8 => true,
        // A scheme for all names: what is legacy already has its underscores doubled as well.
        Escaping::Dots => is_legacy(name) && !name.contains('_'),
        Escaping::Underscores | Escaping::Values => is_legacy(name),
    };
    match stays || name.is_empty() {
        true => Cow::Borrowed(name),
        false => Cow::Owned(escaped(escaping, name, legal)),
    }
}

fn escaped(escaping: Escaping, name: &str, legal: fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(name.len() * 2);
    if escaping == Escaping::Values {
        out.push_str("U__");
    }
    for (place, letter) in name.char_indices() {
        let starts_badly = place == 0 && starts_with_digit(name);
        let is_legal = u8::try_from(letter).is_ok_and(legal) && !starts_badly;
        match letter {
            '_' if escaping != Escaping::Underscores => out.push_str("__"),
            '.' if escaping == Escaping::Dots => out.push_str("_dot_"),
            _ if is_legal => out.push(letter),
            _ if escaping == Escaping::Values => push_code_point(&mut out, letter),
            // Prometheus' own libraries write two for `dots`; the text of the scheme says one.
            _ => out.push('_'),
        }
    }
    out
}

/// The scheme's only example has `2E`, its rules leave the case open, and every library writes `2e`: names have to be
/// the same whoever exposes them.
fn push_code_point(out: &mut String, letter: char) {
    // Writing to a string never fails.
    let _ = write!(out, "_{:x}_", u32::from(letter));
}
