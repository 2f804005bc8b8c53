//! base64 (RFC 4648) and hexadecimal.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{self, STANDARD_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What is wrong with a text, for people.
type Reason = &'static str;

/// Senders differ in padding and in what they leave in the bits behind the last byte.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const NOT_BASE64: Reason = "expected base64";
const NOT_HEX: Reason = "expected hexadecimal digits, two for each byte";

/// Decodes base64 in the standard or the URL-safe alphabet, padded or not (proto3's JSON mapping).
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, Reason> {
    let url_safe = text.contains(['-', '_']);
    let engine = if url_safe { URL_SAFE } else { STANDARD };
    engine.decode(text).map_err(|_| NOT_BASE64)
}

/// Encodes in the standard alphabet without padding, as gRPC asks of binary headers.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Appends base64 in the standard alphabet with padding (RFC 4648, section 4).
pub(super) fn put_base64(out: &mut String, bytes: &[u8]) {
    general_purpose::STANDARD.encode_string(bytes, out);
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
