//! The names of cursor files.

use std::path::{Path, PathBuf};

use super::slot::COPIES;

const SUFFIX: &str = ".cursor";

/// The copies of an export's cursor in `dir`.
pub(super) fn paths(dir: &Path, export: &str) -> [PathBuf; COPIES] {
    names(export).map(|name| dir.join(name))
}

/// The names of an export's copies.
pub(super) fn names(export: &str) -> [String; COPIES] {
    let export = escaped(export);
    std::array::from_fn(|copy| format!("{export}.{copy}{SUFFIX}"))
}

/// The export that a cursor file belongs to.
pub(super) fn export_of(name: &str) -> Option<String> {
    let (export, copy) = name.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let known = copy.parse::<usize>().is_ok_and(|copy| copy < COPIES);
    known.then(|| unescaped(export))?
}

/// Everything but letters, digits, `-` and `_` becomes `%` and two hex digits.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(byte.into()),
            _ => escaped.push_str(&format!("%{byte:02x}")),
        }
    }
    escaped
}

fn unescaped(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.bytes().next() {
        if first == b'%' {
            bytes.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
            rest = &rest[3..];
        } else {
            bytes.push(first);
            rest = rest.get(1..)?;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: export names with dots, slashes, per cents and letters beyond ASCII.
    /// Guarantees: each file name is one path component and names its export again.
    #[test]
    fn a_cursor_file_names_its_export() {
        for export in ["collector", "a.b", "../etc", "100%", "größe", "x.0"] {
            for name in names(export) {
                assert!(!name.contains('/'));
                assert_eq!(export_of(&name).as_deref(), Some(export));
            }
        }
        assert_eq!(export_of("lock"), None);
    }
}
