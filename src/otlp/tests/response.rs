//! Responses, against prost's structs and by rule.

use opentelemetry_proto::tonic::collector::logs::v1::*;
use opentelemetry_proto::tonic::collector::trace::v1::*;
use prost::Message;

use crate::otlp::wire::Fault;
use crate::otlp::{PartialSuccess, Signal, decode_response, encode_response, encode_response_json};

fn partial(rejected: i64, message: &str) -> PartialSuccess {
    PartialSuccess {
        rejected,
        message: message.to_owned(),
    }
}

/// Scenario: partial successes of every shape. Guarantees: prost reads what we write, we read what
/// it writes.
#[test]
fn partial_success_agrees_with_prost() {
    for (rejected, message) in [
        (3, "no room"),
        (i64::MAX, ""),
        (-1, "odd"),
        (0, "a warning"),
    ] {
        let ours = partial(rejected, message);
        let bytes = encode_response(Some(&ours));
        let inner = ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: message.to_owned(),
        };
        let theirs = ExportTraceServiceResponse {
            partial_success: Some(inner),
        };
        assert_eq!(bytes, theirs.encode_to_vec());
        assert_eq!(decode_response(&bytes), Ok(Some(ours)));
    }
}

/// Scenario: nothing refused. Guarantees: no bytes; an empty partial success means the same.
#[test]
fn full_success_is_no_bytes() {
    assert!(encode_response(None).is_empty());
    assert_eq!(decode_response(&[]), Ok(None));
    let empty = Some(ExportLogsPartialSuccess::default());
    let bytes = ExportLogsServiceResponse {
        partial_success: empty,
    }
    .encode_to_vec();
    assert_eq!(decode_response(&bytes), Ok(None));
}

/// Scenario: answers that are no response, and one with fields of the future. Guarantees: refused
/// with the fault; unknown fields are read past.
#[test]
fn faulty_responses_are_refused() {
    let table: &[(&[u8], Fault)] = &[
        (b"<html>", Fault::UnexpectedEndGroup),
        (&[0x08, 0x01], Fault::WrongWireType),
        (&[0x0a, 0x03, 0x12, 0x01, 0xff], Fault::InvalidUtf8),
        (&[0x0a, 0x02, 0x0a, 0x00], Fault::WrongWireType),
        (&[0x0a, 0x05], Fault::LengthBeyondEnd),
    ];
    for (bytes, fault) in table {
        assert_eq!(
            decode_response(bytes).map_err(|error| error.fault),
            Err(*fault),
            "{bytes:02x?}"
        );
    }
    let future = [0x50, 0x01, 0x0a, 0x04, 0x08, 0x02, 0x50, 0x01];
    assert_eq!(decode_response(&future), Ok(Some(partial(2, ""))));
}

/// Scenario: answers to JSON senders. Guarantees: `{}`, or the signal's own name for the count, an
/// int64 in quotes, the message escaped.
#[test]
fn json_names_the_signal() {
    assert_eq!(encode_response_json(Signal::Logs, None), "{}");
    let found = partial(2, "a \"b\"\n\u{1}");
    for (signal, name) in
        Signal::ALL
            .into_iter()
            .zip(["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"])
    {
        let json = encode_response_json(signal, Some(&found));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["partialSuccess"][name], "2");
        assert_eq!(json["partialSuccess"]["errorMessage"], "a \"b\"\n\u{1}");
    }
}
