//! Numbers: JSON's grammar, and exact integers out of it.

use super::reader::Reason;

/// The length of the JSON number that `bytes` begin with (RFC 8259, section 6).
pub(super) fn prefix_len(bytes: &[u8]) -> Option<usize> {
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        _ => digits(&bytes[at..])?,
    };
    if bytes.get(at) == Some(&b'.') {
        at += 1 + digits(&bytes[at + 1..])?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += digits(&bytes[at..])?;
    }
    Some(at)
}

/// How many digits `bytes` begin with, `None` for none.
fn digits(bytes: &[u8]) -> Option<usize> {
    let len = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (len > 0).then_some(len)
}

/// Whether the whole text is a JSON number.
pub(super) fn is_number(text: &str) -> bool {
    prefix_len(text.as_bytes()) == Some(text.len())
}

const TOO_LARGE: Reason = "the number is out of range";

/// The exact value of a JSON number that is an integer, however it is written.
///
/// Covers every 64-bit integer, signed or not.
pub(super) fn integer(number: &str) -> Result<i128, Reason> {
    if let Ok(value) = number.parse::<i64>() {
        return Ok(i128::from(value));
    }
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let magnitude = magnitude(number)?;
    Ok(if negative { -magnitude } else { magnitude })
}

fn magnitude(number: &str) -> Result<i128, Reason> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let zeros = (digits.len() - significant.len()) as i64;
    let shift = saturating(exponent)
        .saturating_sub(fraction.len() as i64)
        .saturating_add(zeros);
    shifted(significant.trim_start_matches('0'), shift)
}

/// `digits` times ten to the power of `shift`.
fn shifted(digits: &str, shift: i64) -> Result<i128, Reason> {
    // The last digit is not 0, so that a negative shift leaves a fraction.
    let shift = usize::try_from(shift).map_err(|_| "expected an integer")?;
    // 2^64 has 20 digits.
    if digits.len().saturating_add(shift) > 20 {
        return Err(TOO_LARGE);
    }
    let value: i128 = digits.parse().map_err(|_| TOO_LARGE)?;
    Ok(value * 10_i128.pow(shift as u32))
}

/// A decimal exponent, held within bounds that no document's length can outweigh.
fn saturating(exponent: &str) -> i64 {
    const FAR: i64 = 1 << 60;
    match exponent.parse::<i64>() {
        Ok(exponent) => exponent.clamp(-FAR, FAR),
        Err(_) if exponent.starts_with('-') => -FAR,
        Err(_) => FAR,
    }
}

/// The value of a JSON number as a double.
pub(super) fn double(number: &str) -> Result<f64, Reason> {
    let value: f64 = number.parse().map_err(|_| "expected a number")?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(TOO_LARGE)
    }
}
