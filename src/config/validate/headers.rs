//! Headers and metadata that are sent to others.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::secret::Secret;

/// What belongs to a connection or frames a body (RFC 9110, section 7.6.1; RFC 9113, section 8.2.2): a second value would
/// break the request.
pub(crate) const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What else a request says of itself where the agent alone knows its body and destination, as in OTLP and gRPC.
pub(super) const OF_THE_BODY: [&str; 3] = ["content-encoding", "content-type", "host"];

/// Reports names and values that cannot be sent, and names among `reserved`.
pub(super) fn check(
    key: &KeyPath,
    headers: &BTreeMap<String, Secret>,
    reserved: &[&str],
    problems: &mut Problems,
) {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in headers {
        let (key, lower) = (key.child(name), name.to_lowercase());
        header_name(&key, &lower, reserved, problems);
        if seen.contains(&lower) {
            problems.error(
                &key,
                "the header is named twice, in different case",
                "Name it once",
            );
        }
        if HeaderValue::from_str(value.expose()).is_err() {
            problems.error(
                &key,
                "the value holds a character that no header may hold",
                "Use visible ASCII characters and spaces only",
            );
        }
        seen.push(lower);
    }
}

fn header_name(key: &KeyPath, lower: &str, reserved: &[&str], problems: &mut Problems) {
    if HeaderName::from_bytes(lower.as_bytes()).is_err() {
        problems.error(
            key,
            "this is not a header name",
            "Write letters, digits and hyphens",
        );
    }
    if reserved.contains(&lower) {
        problems.error(key, "the transport sets this header itself", "Remove it");
    }
}

/// Reports names that gRPC keeps to itself, and values of binary metadata that are not base64 (gRPC over HTTP/2,
/// "Custom-Metadata").
pub(super) fn metadata(
    key: &KeyPath,
    metadata: &BTreeMap<String, Secret>,
    problems: &mut Problems,
) {
    use base64::Engine;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let either =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&base64::alphabet::STANDARD, either);
    for (name, value) in metadata {
        let (key, lower) = (key.child(name), name.to_lowercase());
        if lower.starts_with("grpc-") {
            problems.error(&key, "the transport sets this header itself", "Remove it");
        }
        if lower.ends_with("-bin") && base64.decode(value.expose()).is_err() {
            problems.error(
                &key,
                "the name ends with -bin, but the value is not base64",
                "Write the value in base64, or another name",
            );
        }
    }
}
