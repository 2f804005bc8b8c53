//! The house: a room imports only rooms above it, and files stay small.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fixture::repository;

/// The rooms from the top down; each may know those before it.
const ROOMS: [&str; 17] = [
    "otlp",
    "config",
    "resilience",
    "telemetry",
    "store",
    "ledger",
    "journal",
    "series",
    "intake",
    "listen",
    "dial",
    "receive",
    "export",
    "probe",
    "gateway",
    "serve",
    "agent",
];

/// Two rooms that meet only at the journal between them.
const STRANGERS: (&str, &str) = ("receive", "export");

/// A file longer than this says why, in a comment that holds "Longer than".
const MAX_LINES: usize = 500;

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                files.push(path)
            }
            false => {}
        }
    }
    files
}

/// The room that a file under `src` belongs to; `None` for those of the crate's root.
fn room_of(file: &Path) -> Option<&'static str> {
    let inside = file.strip_prefix(repository().join("src")).unwrap();
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    ROOMS.into_iter().find(|room| *room == name)
}

/// The rooms that a source text names by `crate::room`, in `use` lists of `crate::{…}` as well. Comments count not.
fn named_rooms(text: &str) -> BTreeSet<&'static str> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut named = BTreeSet::new();
    for (place, _) in code.match_indices("crate::") {
        let rest = code[place + "crate::".len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(list) => named.extend(top_level_names(list)),
            None => named.extend(first_name(rest)),
        }
    }
    named
}

fn first_name(path: &str) -> Option<&'static str> {
    let end = path
        .find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .unwrap_or(path.len());
    ROOMS.into_iter().find(|room| *room == &path[..end])
}

/// The first name of each entry of a `{…}` list.
fn top_level_names(list: &str) -> Vec<&'static str> {
    let (mut depth, mut entry, mut names) = (0, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut entry)),
            _ if depth == 0 => entry.push(letter),
            _ => {}
        }
    }
    names.push(entry);
    names
        .iter()
        .filter_map(|entry| first_name(entry.trim()))
        .collect()
}

/// Scenario: every source file. Guarantees: it names only rooms above its own, and receive and export do not know each
/// other.
#[test]
fn rooms_import_only_rooms_above_them() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources(&repository().join("src")) {
        let Some(room) = room_of(&file) else { continue };
        seen.insert(room);
        let place = |room: &str| ROOMS.iter().position(|one| *one == room);
        for named in named_rooms(&std::fs::read_to_string(&file).unwrap()) {
            let strangers = (named, room) == STRANGERS || (room, named) == STRANGERS;
            if place(named) > place(room) || strangers {
                wrong.push(format!("{}: {room} names {named}", file.display()));
            }
        }
    }
    assert_eq!(
        seen.len(),
        ROOMS.len(),
        "rooms that are in the list but not in the house, or the reverse: {seen:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Scenario: the modules as lib.rs lists them. Guarantees: the order is the one above, so that who reads lib.rs knows the
/// house.
#[test]
fn the_library_lists_the_rooms_in_order() {
    let library = std::fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let modules = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    let listed: Vec<&str> = modules
        .map(|module| module.trim_end_matches(';'))
        .filter(|module| ROOMS.contains(module))
        .collect();
    assert_eq!(listed, ROOMS);
}

/// Scenario: imports in every spelling. Guarantees: the test above sees through each of them.
#[test]
fn imports_are_recognized() {
    let text = "use crate::otlp::Signal;\nuse crate::{config::{Settings, export}, journal};\n// crate::serve\nfn f() { crate::agent::run() }";
    assert_eq!(
        named_rooms(text),
        BTreeSet::from(["agent", "config", "journal", "otlp"])
    );
}

/// Scenario: the modules at the root of the crate. Guarantees: each is a room of the list, or one of the files beside them
/// that no room may import.
#[test]
fn the_house_has_no_other_rooms() {
    let beside = [
        "lib",
        "main",
        "cli",
        "db",
        "healthcheck",
        "notify",
        "shutdown",
        "settings",
    ];
    for entry in std::fs::read_dir(repository().join("src"))
        .unwrap()
        .map(Result::unwrap)
    {
        let name = entry.file_name().into_string().unwrap();
        let name = name.strip_suffix(".rs").unwrap_or(&name).to_owned();
        assert!(
            ROOMS.contains(&name.as_str()) || beside.contains(&name.as_str()),
            "src/{name} is not on the plan"
        );
    }
}

/// Scenario: every source file of the package, its tests and benchmarks. Guarantees: none is longer than 500 lines without
/// saying why.
#[test]
fn files_stay_small() {
    for room in ["src", "tests", "benches"]
        .map(|name| repository().join(name))
        .iter()
        .filter(|path| path.is_dir())
    {
        for file in sources(room) {
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = text.lines().count();
            let reasoned = text.contains("Longer than");
            assert!(
                lines <= MAX_LINES || reasoned,
                "{} has {lines} lines and gives no reason",
                file.display()
            );
        }
    }
}

/// Scenario: every test of the package. Guarantees: it says what it sets up and what it guarantees.
#[test]
fn tests_say_what_they_guarantee() {
    let mut silent = Vec::new();
    for file in ["src", "tests"]
        .iter()
        .flat_map(|name| sources(&repository().join(name)))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, _) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| is_test_attribute(line))
        {
            let above = lines[..at]
                .iter()
                .rev()
                .take_while(|line| line.starts_with("///") || line.starts_with("#["));
            let comment: String = above.copied().collect();
            if !(comment.contains("Scenario") && comment.contains("Guarantees")) {
                silent.push(format!("{}:{}", file.display(), at + 1));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "tests without Scenario and Guarantees:\n{}",
        silent.join("\n")
    );
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

/// Scenario: the one list of the agent's own instruments beside what docs/metrics.md lists.
/// Guarantees: each is named there.
#[test]
fn every_own_metric_is_documented() {
    let names = std::fs::read_to_string(repository().join("src/telemetry/names.rs")).unwrap();
    let documented = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let named: Vec<&str> = names
        .lines()
        .filter(|line| line.starts_with("pub const ") && line.contains(": &str = "))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(named.len() > 50, "only {} were found", named.len());
    let is_missing = |name: &&&str| !documented.contains(&format!("`{name}`"));
    let missing: Vec<_> = named.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:?}");
}
