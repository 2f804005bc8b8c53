//! Byte sizes and durations as people write them: `"16MiB"`, `"100ms"`.

use std::fmt;
use std::time::Duration;

/// A number of bytes, written as `"64KiB"`, `"1.5 GB"` or a plain integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Unit names with their bytes; the first of each size is the one that [`ByteSize`] prints.
const BYTE_UNITS: [(&str, u64); 12] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
];

/// Duration units with their nanoseconds, largest first.
const DURATION_UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl ByteSize {
    /// `count` kibibytes.
    pub const fn kib(count: u64) -> ByteSize {
        ByteSize(count << 10)
    }

    /// `count` mebibytes.
    pub const fn mib(count: u64) -> ByteSize {
        ByteSize(count << 20)
    }

    /// `count` gibibytes.
    pub const fn gib(count: u64) -> ByteSize {
        ByteSize(count << 30)
    }

    /// `count` tebibytes.
    pub const fn tib(count: u64) -> ByteSize {
        ByteSize(count << 40)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes, at most what the address space holds.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads `"16MiB"`, `"16 MiB"`, `"1.5GB"`, `"4096"`; the error says what is wrong with the text.
    pub fn parse(text: &str) -> Result<ByteSize, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'));
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        let unit_bytes = unit_bytes(unit.trim())?;
        scale(&number.replace('_', ""), unit_bytes)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BYTE_UNITS
            .iter()
            .take(4)
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size));
        match binary {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

fn unit_bytes(unit: &str) -> Result<u64, String> {
    if unit.is_empty() || unit.eq_ignore_ascii_case("b") {
        return Ok(1);
    }
    let known = BYTE_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    known.map(|(_, size)| *size).ok_or_else(|| {
        format!("the unit \"{unit}\" is none of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB")
    })
}

fn scale(number: &str, unit_bytes: u64) -> Result<ByteSize, String> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(unit_bytes)
            .map(ByteSize)
            .ok_or_else(|| "it is more than 16 EiB".to_owned());
    }
    let bytes = number
        .parse::<f64>()
        .map_err(|_| "it does not start with a number".to_owned())?
        * unit_bytes as f64;
    if bytes < 9e15 {
        Ok(ByteSize(bytes.round() as u64))
    } else {
        Err("it is too large".to_owned())
    }
}

/// Reads `"30s"`, `"1m 30s"`, `"100ms"`; the error says what is wrong with the text.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "it has no unit: \"{text}s\" is seconds, \"{text}ms\" milliseconds"
        ));
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Writes a duration in its largest exact unit: `7d`, `24h`, `75s`, `100ms`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    // A single day reads better as 24h.
    let exact = DURATION_UNITS.iter().find(|(name, size)| {
        nanos != 0 && nanos.is_multiple_of(*size) && !(*name == "d" && nanos == *size)
    });
    exact.map_or_else(
        || "0s".to_owned(),
        |(name, size)| format!("{}{name}", nanos / size),
    )
}

/// `count` milliseconds, for defaults and limits.
pub(crate) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// `count` seconds, for defaults and limits.
pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `count` minutes, for defaults and limits.
pub(crate) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// `count` hours, for defaults and limits.
pub(crate) const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Scenario: sizes as people write them.
    /// Guarantees: binary and decimal units, fractions and plain bytes are told apart.
    #[test]
    fn sizes_are_read() {
        let cases = [
            ("4096", 4096),
            ("16MiB", 16 << 20),
            ("16 mib", 16 << 20),
            ("2GB", 2_000_000_000),
            ("1.5K", 1536),
            ("1_000", 1000),
            ("7B", 7),
            ("0", 0),
        ];
        for (text, bytes) in cases {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
    }

    /// Scenario: texts that are no size, and sizes that no machine holds.
    /// Guarantees: each is refused, none overflows.
    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "MiB",
            "-1",
            "1..5K",
            "5 apples",
            "17179869184GiB",
            "99999999999999999999",
            "1e9",
            "١",
        ] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }

    /// Scenario: values are written and read again.
    /// Guarantees: what the default file shows is what it means.
    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 1023, 1024, 1536, 64 << 20, 3 << 30, u64::MAX] {
            assert_eq!(
                ByteSize::parse(&ByteSize(bytes).to_string()),
                Ok(ByteSize(bytes))
            );
        }
        for duration in [
            millis(0),
            millis(1),
            millis(1500),
            secs(75),
            minutes(5),
            hours(24),
            hours(48),
        ] {
            assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }
        assert_eq!(show_duration(hours(24)), "24h");
        assert_eq!(show_duration(hours(24 * 7)), "7d");
    }

    /// Scenario: a duration without a unit, a negative one, one too large.
    /// Guarantees: each is refused, and the bare number with a hint.
    #[test]
    fn what_is_no_duration_is_refused() {
        assert!(parse_duration("30").unwrap_err().contains("\"30s\""));
        for text in [
            "",
            "-1s",
            "soon",
            "1.5",
            "99999999999999999999s",
            "5 apples",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
