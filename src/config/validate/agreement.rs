//! Limits that depend on each other.

use crate::config::problem::Problems;
use crate::config::setting::Scalar;
use crate::config::settings::{ExportSettings, JournalSettings, Settings, SyncMode};
use crate::config::units::ByteSize;

/// The journal gives up whole segments: with fewer, dropping the oldest would drop most of it.
const MIN_SEGMENTS: u64 = 3;

/// A record holds the inflated request and the names of the services in it, which are a part of the request.
const SEGMENT_PER_INFLATED: u64 = 2;

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let receive = &settings.receive;
    at_least(
        problems,
        ("receive.max_inflated", receive.max_inflated),
        ("receive.max_body", receive.max_body),
    );
    at_least(
        problems,
        ("receive.in_flight_bytes", receive.in_flight_bytes),
        ("receive.max_inflated", receive.max_inflated),
    );
    journal(&settings.journal, receive.max_inflated, problems);
    at_least(
        problems,
        ("shutdown.deadline", settings.shutdown.deadline),
        ("shutdown.drain", settings.shutdown.drain),
    );
    for (name, export) in &settings.export {
        retry(name, export, problems);
        breaker(name, settings, problems);
    }
}

/// Metrics, health and orders find a breaker by the name of its route or export alone.
fn breaker(name: &str, settings: &Settings, problems: &mut Problems) {
    if settings.route.contains_key(name) {
        let problem = format!("export.{name} has the same name, by which breakers are told apart");
        let key = format!("route.{name}");
        problems.error(&key.as_str().into(), problem, "Rename one of the two");
    }
}

fn journal(journal: &JournalSettings, max_inflated: ByteSize, problems: &mut Problems) {
    let inflated = ("receive.max_inflated", max_inflated);
    if journal.sync == SyncMode::Memory {
        return at_least(
            problems,
            ("journal.memory_bytes", journal.memory_bytes),
            inflated,
        );
    }
    let segment = ("journal.segment_bytes", journal.segment_bytes);
    at_least_times(problems, segment, SEGMENT_PER_INFLATED, inflated);
    at_least_times(
        problems,
        ("journal.max_bytes", journal.max_bytes),
        MIN_SEGMENTS,
        segment,
    );
}

fn retry(name: &str, export: &ExportSettings, problems: &mut Problems) {
    let key = |field: &str| format!("export.{name}.retry.{field}");
    at_least(
        problems,
        (&key("max"), export.retry.max),
        (&key("initial"), export.retry.initial),
    );
}

fn at_least_times(
    problems: &mut Problems,
    (key, value): (&str, ByteSize),
    times: u64,
    (than, other): (&str, ByteSize),
) {
    let floor = ByteSize(other.bytes().saturating_mul(times));
    if value < floor && problems.settled(key) && problems.settled(than) {
        let problem = format!("{value} is less than {times} times {than} ({other})");
        problems.error(
            &key.into(),
            problem,
            format!("Raise {key} to {floor} or more, or lower {than}"),
        );
    }
}

pub(super) fn at_least<T: Scalar + PartialOrd>(
    problems: &mut Problems,
    (key, value): (&str, T),
    (than, other): (&str, T),
) {
    if value < other && problems.settled(key) && problems.settled(than) {
        let (value, other) = (value.show(), other.show());
        let problem = format!("{value} is less than {than} ({other})");
        problems.error(
            &key.into(),
            problem,
            format!("Raise {key} to {other} or more, or lower {than}"),
        );
    }
}
