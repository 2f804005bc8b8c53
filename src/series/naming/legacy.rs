//! The names that every Prometheus reads: letters, digits, underscores.

use std::borrow::Cow;

/// Whether `name` matches `[a-zA-Z_:][a-zA-Z0-9_:]*`, so that it may stand in a text without quotes.
pub fn is_legacy_metric_name(name: &str) -> bool {
    is_legacy(name, is_metric_byte)
}

/// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`, so that it may stand in a text without quotes.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy(name, is_label_byte)
}

pub(super) const fn is_metric_byte(byte: u8) -> bool {
    is_label_byte(byte) || byte == b':'
}

pub(super) const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_legacy(name: &str, legal: impl Fn(u8) -> bool) -> bool {
    !name.is_empty() && !starts_with_digit(name) && name.bytes().all(legal)
}

pub(super) fn starts_with_digit(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether there is nothing in `name` but underscores.
pub(super) fn is_blank(name: &str) -> bool {
    name.bytes().all(|byte| byte == b'_')
}

/// `name` with an underscore for what is not `legal`, and one underscore for several in a row.
///
/// "Discouraged characters in the metric name SHOULD be replaced with the `_` character […] Multiple
/// consecutive `_` characters SHOULD be replaced with a single `_` character." Borrowed if and only if nothing is
/// replaced.
pub(super) fn underscored(name: &str, legal: impl Fn(u8) -> bool) -> Cow<'_, str> {
    if is_underscored(name, &legal) {
        return Cow::Borrowed(name);
    }
    let mut written = String::with_capacity(name.len());
    for byte in name.bytes() {
        match legal(byte) && byte != b'_' {
            true => written.push(char::from(byte)),
            false if written.ends_with('_') => {}
            false => written.push('_'),
        }
    }
    Cow::Owned(written)
}

fn is_underscored(name: &str, legal: impl Fn(u8) -> bool) -> bool {
    let mut last = 0;
    name.bytes().all(|byte| {
        let stays = legal(byte) && !(byte == b'_' && last == b'_');
        last = byte;
        stays
    })
}
