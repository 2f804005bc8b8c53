//! The JSON reader's rules for whole documents: faults, limits, lengths, and the way there and back.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::json::{body, body_fault, span, span_fault, span_json, traces};
use super::oracle::decode;
use super::{render::render, sample};
use crate::otlp::{Signal, inspect, json_to_protobuf, schema};

/// Scenario: documents that are not JSON, or not an object, or not UTF-8. Guarantees: refused with the
/// position.
#[test]
fn faulty_documents_are_refused() {
    let table: &[(&[u8], usize, &str)] = &[
        (b"", 0, "the document ends too early"),
        (b"  ", 2, "the document ends too early"),
        (b"[]", 0, "expected an object"),
        (b"null", 0, "expected an object"),
        (b"{", 1, "the document ends too early"),
        (b"{} {}", 3, "something follows the document"),
        (b"{,}", 1, "expected a key in quotes"),
        (b"{\"a\"}", 4, "expected ':'"),
        (b"{\"a\":}", 5, "expected a value"),
        (b"{\"a\":1,}", 7, "a comma stands before the end"),
        (b"{\"a\":[1,]}", 8, "a comma stands before the end"),
        (b"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"),
        (b"{\"a\":[1 2]}", 8, "expected ',' or ']'"),
        (b"{\"a\":01}", 6, "expected ',' or '}'"),
        (b"{\"a\":1.}", 5, "not a number"),
        (b"{\"a\":-}", 5, "not a number"),
        (b"{\"a\":tru}", 5, "expected a value"),
        (b"{\"a\":\"x", 7, "a string does not end"),
        (b"{\"a\":\"x\\", 7, "a string does not end"),
        (b"{a:1}", 1, "expected a key in quotes"),
        (b"{\"a\":\"\xff\"}", 6, "the document is not valid UTF-8"),
        (b"\xef\xbb\xbf{}", 0, "expected an object"),
    ];
    for (json, offset, reason) in table {
        let error = json_to_protobuf(Signal::Traces, json).unwrap_err();
        assert_eq!(
            (error.offset, error.reason.as_str()),
            (*offset, *reason),
            "{}",
            json.escape_ascii()
        );
        assert_eq!(error.path, "");
    }
}

/// Scenario: a fault deep in a request. Guarantees: the path, the position and the reason, in one
/// line.
#[test]
fn errors_say_where() {
    let json = r#"{"resourceSpans":[{"scopeSpans":[{},{"spans":[{},{"traceId": "zz"}]}]}]}"#;
    let error = json_to_protobuf(Signal::Traces, json.as_bytes()).unwrap_err();
    assert_eq!(
        error.path,
        "resourceSpans[0].scopeSpans[1].spans[1].traceId"
    );
    assert_eq!(&json[error.offset..error.offset + 4], r#""zz""#);
    assert_eq!(
        error.to_string(),
        "not valid OTLP/JSON: resourceSpans[0].scopeSpans[1].spans[1].traceId: \
         expected hexadecimal digits, two for each byte (byte 61)"
    );
    assert_eq!(
        span_fault(r#""events":{}"#),
        ("events".to_owned(), "expected an array".to_owned())
    );
    assert_eq!(
        span_fault(r#""events":[1]"#),
        ("events[0]".to_owned(), "expected an object".to_owned())
    );
}

/// Scenario: values nested up to and past the limit, known and unknown. Guarantees: what passes is
/// valid protobuf, what is deeper is refused, a million brackets do not overflow the stack.
#[test]
fn nesting_is_limited() {
    let nested = |levels: usize| {
        format!(
            "{}{{}}{}",
            r#"{"arrayValue":{"values":["#.repeat(levels),
            "]}}".repeat(levels)
        )
    };
    assert!(body(&nested(48)).is_ok());
    assert_eq!(body_fault(&nested(49)), "messages are nested too deep");
    let unknown =
        |levels: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(traces(&unknown(100)).is_ok());
    assert_eq!(
        traces(&unknown(101)).unwrap_err().reason,
        "values are nested too deep"
    );
    assert!(traces(&unknown(1_000_000)).is_err());
    assert!(body(&nested(100_000)).is_err());
}

/// Scenario: lists around the lengths at which a length takes another byte. Guarantees: lengths are
/// right.
#[test]
fn nested_lengths_are_right() {
    for len in [
        0, 1, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16_380, 16_384, 70_000,
    ] {
        let name = "n".repeat(len);
        let found = span(&format!(
            r#""status":{{"message":"{name}"}},"name":"{name}""#
        ))
        .unwrap();
        assert_eq!(
            (found.status.unwrap().message.len(), found.name.len()),
            (len, len)
        );
    }
}

/// Scenario: random requests, rendered as JSON in random spellings. Guarantees: the same message comes
/// back, and the walk accepts it.
#[test]
fn random_requests_come_back() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..100 {
        for signal in Signal::ALL {
            let bytes = sample::request(signal, &mut rng);
            let json = render(schema::request(signal), &bytes, &mut rng);
            let found =
                json_to_protobuf(signal, json.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
            let expected = decode(signal, &bytes).unwrap();
            assert_eq!(decode(signal, &found).unwrap(), expected);
            assert_eq!(inspect(signal, &found), inspect(signal, &bytes));
            assert_eq!(decode(signal, &found).unwrap().encode(), bytes);
        }
    }
}

/// Scenario: documents of one and of two megabytes, of the shapes that tempt a reader into quadratic
/// work. Guarantees: twice the length takes about twice the time, with much room for noise.
#[test]
fn long_documents_take_linear_time() {
    let shapes: [fn(usize) -> String; 5] = [
        |len| format!(r#"{{"x":"{}"}}"#, "\\n".repeat(len / 2)),
        |len| format!(r#"{{"x":[{}1]}}"#, "1,".repeat(len / 2)),
        |len| {
            span_json(&format!(
                r#""startTimeUnixNano":0.{}e{}"#,
                "0".repeat(len),
                len
            ))
        },
        |len| span_json(&format!(r#""attributes":[{}{{}}]"#, "{},".repeat(len / 3))),
        |len| format!("{}{{}}", " ".repeat(len)),
    ];
    for (index, shape) in shapes.into_iter().enumerate() {
        let time = |len| {
            let json = shape(len);
            let start = Instant::now();
            let _ = json_to_protobuf(Signal::Traces, json.as_bytes());
            start.elapsed()
        };
        let (once, eightfold) = (time(250_000), time(2_000_000));
        assert!(
            eightfold < once * 40 + Duration::from_millis(200),
            "shape {index}: {once:?}, {eightfold:?}"
        );
    }
}
