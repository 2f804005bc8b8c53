//! Limits that are told by three headers each: `…-Limit`, `…-Remaining` and `…-Reset`.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::reset::{reset, reset_after};
use super::{MAX_LIMITS, Told, Unit};

const PREFIXES: [&str; 3] = ["x-ratelimit-", "x-rate-limit-", "ratelimit-"];

/// Whether a header may say something of limits, in whatever form.
pub(super) fn is_of_limits(name: &str) -> bool {
    name == "ratelimit" || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// One header of a limit.
enum Part {
    Limit(Option<u64>),
    Remaining(Option<u64>),
    Reset(Option<Duration>),
}

/// The headers of one limit, as far as they have been found.
struct Family<'a> {
    /// What stands before and behind `limit`, `remaining` and `reset`.
    name: (&'a str, &'a str),
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<Duration>,
}

/// The limits of all families in `headers`.
pub(super) fn read(headers: &HeaderMap, now: SystemTime) -> Vec<Told> {
    let mut families = Vec::new();
    for (name, value) in headers {
        let Some((before, rest)) = split(name.as_str()) else {
            continue;
        };
        let text = value.to_str().unwrap_or_default();
        if let Some((behind, part)) = part(before, rest, text.trim(), now) {
            add(&mut families, (before, behind), part);
        }
    }
    families.into_iter().filter_map(Family::told).collect()
}

/// The prefix of such a header, and the rest of its name.
fn split(name: &str) -> Option<(&str, &str)> {
    let prefix = PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
    name.split_at_checked(prefix.len())
}

/// What stands behind the part's name in that of a header, and what the header says.
fn part<'a>(before: &str, rest: &'a str, text: &str, now: SystemTime) -> Option<(&'a str, Part)> {
    if rest == "reset-after" {
        return Some(("", Part::Reset(reset_after(text))));
    }
    let (what, behind) = rest.split_once('-').unwrap_or((rest, ""));
    let part = match what {
        "limit" => Part::Limit(whole(text)),
        "remaining" => Part::Remaining(whole(text)),
        // The drafts say that theirs are seconds from now on.
        "reset" if before == "ratelimit-" => Part::Reset(reset_after(text)),
        "reset" => Part::Reset(reset(text, now)),
        _ => return None,
    };
    Some((behind, part))
}

fn add<'a>(families: &mut Vec<Family<'a>>, name: (&'a str, &'a str), part: Part) {
    let found = families.iter().position(|family| family.name == name);
    let place = match found {
        Some(place) => place,
        None if families.len() == MAX_LIMITS => return,
        None => {
            families.push(Family::new(name));
            families.len() - 1
        }
    };
    families[place].add(part);
}

impl<'a> Family<'a> {
    fn new(name: (&'a str, &'a str)) -> Family<'a> {
        Family {
            name,
            limit: None,
            remaining: None,
            reset: None,
        }
    }

    /// Where a header comes twice, the more careful one counts.
    fn add(&mut self, part: Part) {
        match part {
            Part::Limit(limit) => self.limit = self.limit.max(limit),
            Part::Remaining(Some(remaining)) => {
                let least = self
                    .remaining
                    .map_or(remaining, |known| known.min(remaining));
                self.remaining = Some(least);
            }
            Part::Remaining(None) => {}
            Part::Reset(reset) => self.reset = self.reset.max(reset),
        }
    }

    fn told(self) -> Option<Told> {
        let (before, behind) = self.name;
        Some(Told {
            name: format!("{before}{behind}"),
            unit: unit(behind),
            limit: self.limit,
            remaining: self.remaining?,
            reset: self.reset?,
        })
    }
}

/// `requests`, `tokens`, `input-tokens`, `project-tokens`, …
fn unit(behind: &str) -> Unit {
    match behind.ends_with("tokens") || behind.ends_with("bytes") {
        true => Unit::Other,
        false => Unit::Requests,
    }
}

/// The whole number at the beginning of `60`, `5.0`, and of `100, 100;w=60` as early drafts have it.
fn whole(text: &str) -> Option<u64> {
    let first = text.split(['.', ',', ';']).next()?.trim_end();
    match !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Some(first.parse().unwrap_or(u64::MAX)),
        false => None,
    }
}
