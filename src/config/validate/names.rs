//! Names that people choose: of exports, probes, queries, maintenance windows and groups.

use crate::config::key::KeyPath;
use crate::config::problem::Problems;

/// No name is longer, in bytes: it is part of file names and metric attributes.
const MAX_NAME: usize = 64;

/// Reports names under `above` that are no names, or that environment variables cannot tell apart. `thing` is what they
/// name, as "export".
pub(super) fn check<'a>(
    above: &KeyPath,
    thing: &str,
    names: impl Iterator<Item = &'a String>,
    problems: &mut Problems,
) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for name in names {
        let key = above.child(name);
        if !is_name(name) {
            problems.error(
                &key,
                "the name is not made of a-z, 0-9, - and _, 1 to 64 of them",
                format!("Rename the {thing}"),
            );
        }
        let folded = name.replace('-', "_");
        match seen.iter().find(|(earlier, _)| *earlier == folded) {
            Some((_, other)) => {
                let problem = format!(
                    "the name differs from \"{other}\" only in - and _, which environment variables cannot tell apart"
                );
                problems.error(&key, problem, "Rename one of the two");
            }
            None => seen.push((folded, name)),
        }
    }
}

/// Whether it can be written everywhere.
pub(super) fn is_name(name: &str) -> bool {
    let sane = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(sane)
}
