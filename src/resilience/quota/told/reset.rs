//! When there is more, in the forms that are in use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::LONGEST_RESET;

/// A number of seconds from here on is a time since 1970, not from now on (2001-09-09).
const EPOCH_FROM: f64 = 1e9;
/// And one from here on counts milliseconds.
const EPOCH_MILLIS_FROM: f64 = 1e12;

/// Units of a duration as Go writes it, in seconds.
const UNITS: [(&str, f64); 8] = [
    ("d", 86_400.0),
    ("h", 3600.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ns", 1e-9),
];

/// Seconds from now on or since 1970, or a duration as `6m0s`.
pub(super) fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    match number(text) {
        Some(number) if number >= EPOCH_MILLIS_FROM => Some(until(number / 1000.0, now)),
        Some(number) if number >= EPOCH_FROM => Some(until(number, now)),
        Some(number) => Some(believed(number)),
        None => duration(text),
    }
}

/// Seconds from now on, or a duration.
pub(super) fn reset_after(text: &str) -> Option<Duration> {
    number(text).map(believed).or_else(|| duration(text))
}

fn until(epoch_s: f64, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    believed(epoch_s - now.as_secs_f64())
}

/// Not before now, and not beyond the longest.
fn believed(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_RESET.as_secs_f64()))
}

/// Digits, perhaps with a fraction: of all that Rust takes for a number, only what servers write.
fn number(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// `1h2m3.5s`, `120ms` (Go's `time.Duration`): numbers, each with its unit.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (value, behind) = split(rest, |letter| !letter.is_ascii_digit() && letter != '.');
        let (unit, more) = split(behind, |letter| letter.is_ascii_digit());
        let (_, unit_s) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number(value)? * unit_s;
        rest = more;
    }
    (!text.is_empty()).then(|| believed(seconds))
}

fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}
