//! base64 (RFC 4648) and hexadecimal.

/// What is wrong with a text, for people.
type Reason = &'static str;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const NOT_BASE64: Reason = "expected base64";
const NOT_HEX: Reason = "expected hexadecimal digits, two for each byte";

/// Decodes base64 in the standard or the URL-safe alphabet, padded or not (proto3's JSON mapping).
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Reason> {
    let digits = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - digits.len();
    if digits.len() % 4 == 1 || padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return Err(NOT_BASE64);
    }
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | value(*digit).ok_or(NOT_BASE64)?;
        }
        let bytes = (bits << (6 * (4 - group.len()))).to_be_bytes();
        out.extend_from_slice(&bytes[1..group.len()]);
    }
    Ok(out)
}

/// Encodes in the standard alphabet without padding, as gRPC asks of binary headers.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(padded);
        for digit in 0..=group.len() {
            out.push(char::from(
                STANDARD[(bits >> (18 - 6 * digit)) as usize & 63],
            ));
        }
    }
    out
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

/// Decodes hexadecimal digits of either case.
pub(super) fn decode_hex(text: &str) -> Result<Vec<u8>, Reason> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return Err(NOT_HEX);
    }
    pairs
        .iter()
        .map(|pair| byte(*pair).ok_or(NOT_HEX))
        .collect()
}

fn byte([high, low]: [u8; 2]) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}
