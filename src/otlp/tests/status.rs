//! `google.rpc.Status` and its retry information.

use std::time::Duration;

use crate::otlp::wire::{Fault, put_bytes_field, put_varint_field};
use crate::otlp::{Code, Status};

/// The messages of google/rpc/status.proto, any.proto and duration.proto, as prost reads them.
mod google {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Status {
        #[prost(int32, tag = "1")]
        pub(super) code: i32,
        #[prost(string, tag = "2")]
        pub(super) message: String,
        #[prost(message, repeated, tag = "3")]
        pub(super) details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Any {
        #[prost(string, tag = "1")]
        pub(super) type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        pub(super) retry_delay: Option<Duration>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Duration {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }
}

use prost::Message;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

fn theirs(code: i32, message: &str, details: Vec<google::Any>) -> Vec<u8> {
    google::Status {
        code,
        message: message.to_owned(),
        details,
    }
    .encode_to_vec()
}

fn retry(type_url: &str, delay: Option<(i64, i32)>) -> google::Any {
    let retry_delay = delay.map(|(seconds, nanos)| google::Duration { seconds, nanos });
    let value = google::RetryInfo { retry_delay }.encode_to_vec();
    google::Any {
        type_url: type_url.to_owned(),
        value,
    }
}

/// Scenario: every code, with and without a delay. Guarantees: prost's bytes, both ways.
#[test]
fn statuses_agree_with_prost() {
    for code in Code::ALL {
        let plain = Status::new(code, "why");
        assert_eq!(
            plain.to_protobuf(),
            theirs(code.number().into(), "why", vec![])
        );
        assert_eq!(Status::from_protobuf(&plain.to_protobuf()), Ok(plain));
    }
    for (seconds, nanos) in [(1, 0), (0, 500_000_000), (30, 1), (0, 0)] {
        let delay = Duration::new(seconds, nanos);
        let status = Status::new(Code::Unavailable, "").with_retry_delay(delay);
        let detail = retry(RETRY_INFO, Some((seconds as i64, nanos as i32)));
        assert_eq!(status.to_protobuf(), theirs(14, "", vec![detail]));
        assert_eq!(Status::from_protobuf(&status.to_protobuf()), Ok(status));
    }
}

/// Scenario: details from elsewhere: other types, other prefixes, no delay, a negative one.
/// Guarantees: the delay is found where there is one, and never a nonsensical wait.
#[test]
fn retry_info_is_found_among_details() {
    let other = google::Any {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
        value: vec![0xff],
    };
    let table = [
        (
            vec![other.clone(), retry(RETRY_INFO, Some((2, 0)))],
            Some(Duration::from_secs(2)),
        ),
        (
            vec![retry("example.com/google.rpc.RetryInfo", Some((2, 0)))],
            Some(Duration::from_secs(2)),
        ),
        (vec![retry(RETRY_INFO, None)], Some(Duration::ZERO)),
        (
            vec![retry(RETRY_INFO, Some((-5, -1)))],
            Some(Duration::ZERO),
        ),
        (
            vec![retry(RETRY_INFO, Some((1, i32::MAX)))],
            Some(Duration::new(1, 999_999_999)),
        ),
        (vec![retry("google.rpc.RetryInfoX", Some((2, 0)))], None),
        (vec![other], None),
        (vec![], None),
    ];
    for (details, delay) in table {
        let status = Status::from_protobuf(&theirs(8, "full", details)).unwrap();
        assert_eq!(
            (status.code, status.retry_delay),
            (Code::ResourceExhausted, delay)
        );
    }
}

/// Scenario: numbers outside the list. Guarantees: they read as UNKNOWN, as the gRPC specification
/// asks; numbers and names inside it agree.
#[test]
fn codes_are_total() {
    for (number, code) in Code::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(code.number()), number);
        assert_eq!(Code::from_number(number as i64), code);
    }
    for number in [-1, 17, i64::MAX, i64::MIN] {
        assert_eq!(Code::from_number(number), Code::Unknown);
    }
    assert_eq!(
        Status::from_protobuf(&theirs(-1, "", vec![])).unwrap().code,
        Code::Unknown
    );
    assert_eq!(Code::ResourceExhausted.name(), "RESOURCE_EXHAUSTED");
}

/// Scenario: error bodies that are no status. Guarantees: refused with the fault.
#[test]
fn faulty_statuses_are_refused() {
    let mut torn_detail = Vec::new();
    let mut any = Vec::new();
    put_bytes_field(&mut any, 1, RETRY_INFO.as_bytes());
    put_bytes_field(&mut any, 2, &[0x0a, 0x05]);
    put_bytes_field(&mut torn_detail, 3, &any);
    let mut wrong_type = Vec::new();
    put_varint_field(&mut wrong_type, 2, 1);
    let table = [
        (torn_detail, Fault::LengthBeyondEnd),
        (wrong_type, Fault::WrongWireType),
        (vec![0x12, 0x01, 0xff], Fault::InvalidUtf8),
    ];
    for (bytes, fault) in table {
        assert_eq!(
            Status::from_protobuf(&bytes).map_err(|error| error.fault),
            Err(fault)
        );
    }
}

/// Scenario: statuses for JSON senders. Guarantees: proto3's JSON form, durations with 0, 3, 6 or 9
/// digits.
#[test]
fn json_is_the_proto3_form() {
    let plain = Status::new(Code::InvalidArgument, "bad \"x\"").to_json();
    assert_eq!(plain, r#"{"code":3,"message":"bad \"x\""}"#);
    for (delay, text) in [
        (Duration::from_secs(5), "5s"),
        (Duration::from_millis(1500), "1.500s"),
        (Duration::from_micros(10), "0.000010s"),
        (Duration::from_nanos(7), "0.000000007s"),
    ] {
        let json = Status::new(Code::Unavailable, "")
            .with_retry_delay(delay)
            .to_json();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["details"][0]["retryDelay"], text);
        assert_eq!(json["details"][0]["@type"], RETRY_INFO);
    }
}

/// Scenario: a status through `grpc-status-details-bin`, unpadded as we write it and padded as others
/// may; and a value that is not base64. Guarantees: the same status; the fault's name.
#[test]
fn headers_carry_statuses_in_base64() {
    for message in ["", "a", "ab", "abc", "grün"] {
        let status = Status::new(Code::Unavailable, message);
        let header = status.to_header();
        assert!(!header.contains('='));
        assert_eq!(Status::from_header(&header), Ok(status.clone()));
        let padding = "=".repeat((4 - header.len() % 4) % 4);
        assert_eq!(Status::from_header(&(header + &padding)), Ok(status));
    }
    assert_eq!(
        Status::new(Code::Unavailable, "abc").to_header(),
        "CA4SA2FiYw"
    );
    let fault = Status::from_header("not base64!").map_err(|error| error.fault);
    assert_eq!(fault, Err(Fault::NotBase64));
}
