//! Numbers as the text formats spell them, straight into the answer.

use crate::series::store::{float_text, not_finite_text};

/// A number as a series holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A whole number.
    Integer(i64),
    /// How often something was observed.
    Count(u64),
    /// Any number.
    Double(f64),
}

impl Number {
    /// As protobuf has all values.
    pub(super) fn as_double(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Count(value) => value as f64,
            Number::Double(value) => value,
        }
    }

    /// Appends it as a sample's value.
    #[inline]
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Number::Integer(value) => put_integer(out, value),
            Number::Count(value) => put_count(out, value),
            Number::Double(value) => put_double(out, value),
        }
    }
}

#[inline]
fn put_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a count.
#[inline]
pub(super) fn put_count(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a value: `1`, `0.25`, `1e+21`, `+Inf`, `-Inf`, `NaN`. OpenMetrics takes whole numbers without a point
/// as well, except in `le` and `quantile`.
#[inline]
pub(super) fn put_double(out: &mut Vec<u8>, value: f64) {
    if let Some(text) = not_finite_text(value) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// Appends a number of a label, as `float_text` spelled it; with `.0` behind whole ones where OpenMetrics reads it
/// ("Canonical Numbers").
#[inline]
pub(super) fn put_label_number(out: &mut Vec<u8>, text: &str, is_open_metrics: bool) {
    out.extend_from_slice(text.as_bytes());
    let is_whole = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_open_metrics && is_whole {
        out.extend_from_slice(b".0");
    }
}

/// Appends a quantile.
pub(super) fn put_quantile(out: &mut Vec<u8>, quantile: f64, is_open_metrics: bool) {
    let mut buffer = zmij::Buffer::new();
    match (1e-4..=1.0).contains(&quantile) {
        true => {
            let text = buffer.format_finite(quantile);
            let text = text.strip_suffix(".0").unwrap_or(text);
            put_label_number(out, text, is_open_metrics);
        }
        false => put_label_number(out, &float_text(quantile), is_open_metrics),
    }
}

/// Appends a time in seconds since the Unix epoch, to the nanosecond.
pub(super) fn put_seconds(out: &mut Vec<u8>, unix_nano: u64) {
    put_count(out, unix_nano / 1_000_000_000);
    out.push(b'.');
    let mut digits = [b'0'; 9];
    let mut rest = unix_nano % 1_000_000_000;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Scenario: values of every sort. Guarantees: each is spelled as every reader of Prometheus takes it.
    #[test]
    fn values_are_spelled_as_prometheus_reads_them() {
        let table = [
            (Number::Integer(i64::MIN), "-9223372036854775808"),
            (Number::Count(u64::MAX), "18446744073709551615"),
            (Number::Double(3.0), "3"),
            (Number::Double(-0.5), "-0.5"),
            (Number::Double(1e21), "1e+21"),
            (Number::Double(f64::INFINITY), "+Inf"),
            (Number::Double(f64::NEG_INFINITY), "-Inf"),
            (Number::Double(f64::NAN), "NaN"),
        ];
        for (number, text) in table {
            assert_eq!(written(|out| number.put(out)), text);
        }
    }

    /// Scenario: the numbers that OpenMetrics lists as canonical, and others, as labels in both dialects.
    /// Guarantees: OpenMetrics has a point or an exponent in each, as its text spells them.
    #[test]
    fn numbers_in_labels_are_canonical_in_open_metrics() {
        let table = [
            (1.0, "1", "1.0"),
            (-1.0, "-1", "-1.0"),
            (0.001, "0.001", "0.001"),
            (1e-5, "1e-05", "1e-05"),
            (100_000.0, "100000", "100000.0"),
            (1e6, "1e+06", "1e+06"),
            (2_500_000.0, "2.5e+06", "2.5e+06"),
            (1e100, "1e+100", "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ];
        for (number, plain, canonical) in table {
            let text = float_text(number);
            assert_eq!(written(|out| put_label_number(out, &text, false)), plain);
            assert_eq!(written(|out| put_label_number(out, &text, true)), canonical);
        }
        for (quantile, text) in [
            (0.0, "0.0"),
            (0.00001, "1e-05"),
            (0.99, "0.99"),
            (1.0, "1.0"),
        ] {
            assert_eq!(written(|out| put_quantile(out, quantile, true)), text);
        }
    }

    /// Scenario: times with few and many nanoseconds. Guarantees: none of the digits is lost or moved.
    #[test]
    fn times_keep_their_nanoseconds() {
        let table = [
            (1, "0.000000001"),
            (1_700_000_000_120_000_000, "1700000000.120000000"),
        ];
        for (nanos, text) in table {
            assert_eq!(written(|out| put_seconds(out, nanos)), text);
        }
    }
}
