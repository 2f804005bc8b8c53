//! The JSON reader's rules for values, one by one.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::otlp::{JsonError, Signal, inspect, json_to_protobuf};

pub(super) fn traces(json: &str) -> Result<ExportTraceServiceRequest, JsonError> {
    let bytes = json_to_protobuf(Signal::Traces, json.as_bytes())?;
    Ok(ExportTraceServiceRequest::decode(&bytes[..]).unwrap())
}

pub(super) fn span_json(members: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#)
}

/// The span that a JSON object's members describe.
pub(super) fn span(members: &str) -> Result<Span, JsonError> {
    let mut request = traces(&span_json(members))?;
    Ok(request
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans
        .remove(0))
}

/// What is wrong with a span's members, without the path above the span.
pub(super) fn span_fault(members: &str) -> (String, String) {
    let error = span(members).unwrap_err();
    let path = error
        .path
        .strip_prefix("resourceSpans[0].scopeSpans[0].spans[0]")
        .unwrap();
    (path.trim_start_matches('.').to_owned(), error.reason)
}

/// The body that a JSON value describes, as a log record has it.
pub(super) fn body(json: &str) -> Result<Option<AnyValue>, JsonError> {
    let json =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{json}}}]}}]}}]}}"#);
    let bytes = json_to_protobuf(Signal::Logs, json.as_bytes())?;
    let mut request = ExportLogsServiceRequest::decode(&bytes[..]).unwrap();
    Ok(request
        .resource_logs
        .remove(0)
        .scope_logs
        .remove(0)
        .log_records
        .remove(0)
        .body)
}

pub(super) fn body_fault(json: &str) -> String {
    body(json).unwrap_err().reason
}

fn body_value(json: &str) -> Value {
    body(json).unwrap().unwrap().value.unwrap()
}

/// Scenario: documents that hold no items. Guarantees: valid, and empty.
#[test]
fn empty_requests_are_valid() {
    for json in [
        "{}",
        " { } \n",
        r#"{"resourceSpans":[]}"#,
        r#"{"resourceSpans":null}"#,
        r#"{"x":1}"#,
    ] {
        assert_eq!(
            traces(json),
            Ok(ExportTraceServiceRequest::default()),
            "{json}"
        );
    }
}

/// Scenario: ids in either case, empty, of odd length, of other digits. Guarantees: hexadecimal, not
/// base64.
#[test]
fn ids_are_hexadecimal() {
    let found = span(
        r#""traceId":"5B8EFFF798038103d269b633813fc60c","spanId":"","parentSpanId":"eee19b7e""#,
    )
    .unwrap();
    let id = [
        0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6,
        0x0c,
    ];
    assert_eq!(found.trace_id, id);
    assert_eq!(
        (found.span_id, found.parent_span_id),
        (vec![], vec![0xee, 0xe1, 0x9b, 0x7e])
    );
    for bad in [
        r#""5b8""#,
        r#""zz""#,
        r#""W47/95gDgQPSabYzgT/GDA==""#,
        "12",
        r#""é0""#,
    ] {
        let (path, _) = span_fault(&format!(r#""traceId":{bad}"#));
        assert_eq!(path, "traceId");
    }
}

/// Scenario: 64-bit and 32-bit integers as numbers, strings, with exponents and fractions, at and past
/// their ranges. Guarantees: exact values, or out of range; never rounded.
#[test]
fn integers_are_exact() {
    let good = [
        ("18446744073709551615", u64::MAX),
        (r#""18446744073709551615""#, u64::MAX),
        ("1700000000123456789", 1_700_000_000_123_456_789),
        (r#""0""#, 0),
        ("-0", 0),
        ("1e3", 1000),
        (r#""1E+3""#, 1000),
        ("1.0", 1),
        ("1.50e1", 15),
        ("1500e-2", 15),
        ("0e999999999999999999999", 0),
        ("18446744073709551615.000", u64::MAX),
        ("1.8446744073709551615e19", u64::MAX),
    ];
    for (json, value) in good {
        let found =
            span(&format!(r#""startTimeUnixNano":{json}"#)).map(|span| span.start_time_unix_nano);
        assert_eq!(found, Ok(value), "{json}");
    }
    let range = "the number is out of range";
    let integer = "expected an integer, plain or in quotes";
    let bad = [
        ("18446744073709551616", range),
        ("-1", range),
        ("1e20", range),
        ("1e99999999999999999999", range),
        ("1.5", "expected an integer"),
        ("1e-1", "expected an integer"),
        ("1e-99999999999999999999", "expected an integer"),
        (r#""""#, integer),
        (r#"" 1""#, integer),
        (r#""1 ""#, integer),
        (r#""0x10""#, integer),
        (r#""+1""#, integer),
        ("true", integer),
        ("{}", "an object stands where a plain value belongs"),
        ("[1]", "an array stands where a plain value belongs"),
    ];
    for (json, reason) in bad {
        let fault = span_fault(&format!(r#""startTimeUnixNano":{json}"#));
        assert_eq!(
            fault,
            ("startTimeUnixNano".to_owned(), reason.to_owned()),
            "{json}"
        );
    }
    for (json, flags) in [
        ("4294967295", Some(u32::MAX)),
        (r#""257""#, Some(257)),
        ("4294967296", None),
        ("-1", None),
    ] {
        assert_eq!(
            span(&format!(r#""flags":{json}"#))
                .map(|span| span.flags)
                .ok(),
            flags,
            "{json}"
        );
    }
    for (json, value) in [
        ("-9223372036854775808", Some(i64::MIN)),
        (r#""9223372036854775807""#, Some(i64::MAX)),
        ("9223372036854775808", None),
    ] {
        let found =
            body(&format!(r#"{{"intValue":{json}}}"#)).map(|body| body.unwrap().value.unwrap());
        assert_eq!(found.ok(), value.map(Value::IntValue), "{json}");
    }
}

/// Scenario: doubles as numbers, numeric strings and the three special words. Guarantees: the value;
/// what no double can hold is refused.
#[test]
fn doubles_have_three_words() {
    for (json, value) in [
        ("1.5", 1.5),
        ("-0.0", -0.0),
        ("3", 3.0),
        ("1e300", 1e300),
        (r#""2.5e-3""#, 0.0025),
        (r#""Infinity""#, f64::INFINITY),
        (r#""-Infinity""#, f64::NEG_INFINITY),
    ] {
        let Value::DoubleValue(found) = body_value(&format!(r#"{{"doubleValue":{json}}}"#)) else {
            panic!()
        };
        assert_eq!(found.to_bits(), f64::to_bits(value), "{json}");
    }
    let Value::DoubleValue(nan) = body_value(r#"{"doubleValue":"NaN"}"#) else {
        panic!()
    };
    assert!(nan.is_nan());
    for bad in [
        "1e999", r#""nan""#, r#""inf""#, r#""""#, "true", "NaN", "Infinity",
    ] {
        assert!(
            body(&format!(r#"{{"doubleValue":{bad}}}"#)).is_err(),
            "{bad}"
        );
    }
}

/// Scenario: enums as numbers, numeric strings, names, numbers of the future, unknown names.
/// Guarantees: numbers pass unchanged, names are translated, an unknown name is refused.
#[test]
fn enums_are_numbers_or_names() {
    for (json, kind) in [
        ("2", 2),
        (r#""2""#, 2),
        (r#""SPAN_KIND_SERVER""#, 2),
        ("99", 99),
        ("-1", -1),
        (r#""SPAN_KIND_UNSPECIFIED""#, 0),
    ] {
        assert_eq!(
            span(&format!(r#""kind":{json}"#)).map(|span| span.kind),
            Ok(kind),
            "{json}"
        );
    }
    for bad in [
        r#""SERVER""#,
        r#""span_kind_server""#,
        r#""""#,
        "true",
        "1.5",
        "4294967296",
    ] {
        assert_eq!(span_fault(&format!(r#""kind":{bad}"#)).0, "kind", "{bad}");
    }
    let status = span(r#""status":{"code":"STATUS_CODE_ERROR"}"#)
        .unwrap()
        .status
        .unwrap();
    assert_eq!(status.code, 2);
}

/// Scenario: bytes in both base64 alphabets, padded or not, and torn. Guarantees: the same bytes.
#[test]
fn bytes_are_base64() {
    for text in ["+/+/", "-_-_"] {
        assert_eq!(
            body_value(&format!(r#"{{"bytesValue":"{text}"}}"#)),
            Value::BytesValue(vec![0xfb, 0xff, 0xbf])
        );
    }
    for text in ["YWI=", "YWI"] {
        assert_eq!(
            body_value(&format!(r#"{{"bytesValue":"{text}"}}"#)),
            Value::BytesValue(b"ab".to_vec())
        );
    }
    assert_eq!(
        body_value(r#"{"bytesValue":""}"#),
        Value::BytesValue(vec![])
    );
    for bad in ["Y", "YWI==", "Y===", "=", "YW I", "YW=I", "é"] {
        assert_eq!(
            body_fault(&format!(r#"{{"bytesValue":"{bad}"}}"#)),
            "expected base64",
            "{bad}"
        );
    }
}

/// Scenario: a oneof's member set to its default. Guarantees: written, for its presence carries
/// meaning; the same for optional fields and number points.
#[test]
fn defaults_with_presence_are_written() {
    for (json, value) in [
        (r#"{"stringValue":""}"#, Value::StringValue(String::new())),
        (r#"{"boolValue":false}"#, Value::BoolValue(false)),
        (r#"{"intValue":"0"}"#, Value::IntValue(0)),
        (r#"{"doubleValue":0}"#, Value::DoubleValue(0.0)),
        (r#"{"bytesValue":""}"#, Value::BytesValue(vec![])),
        (
            r#"{"arrayValue":{}}"#,
            Value::ArrayValue(ArrayValue::default()),
        ),
        (
            r#"{"arrayValue":{"values":[]}}"#,
            Value::ArrayValue(ArrayValue::default()),
        ),
        (
            r#"{"kvlistValue":{"values":null}}"#,
            Value::KvlistValue(KeyValueList::default()),
        ),
    ] {
        assert_eq!(body_value(json), value, "{json}");
    }
    assert_eq!(body("{}"), Ok(Some(AnyValue::default())));
    assert_eq!(body("null"), Ok(None));
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"gauge":{"dataPoints":[{"asInt":"0"},{"asDouble":0},{}]}},
        {"histogram":{"dataPoints":[{"sum":0,"min":0.0,"max":"0"},{}]}},
        {"sum":{}}]}]}]}"#;
    let bytes = json_to_protobuf(Signal::Metrics, json.as_bytes()).unwrap();
    assert_eq!(inspect(Signal::Metrics, &bytes).unwrap().items, 5);
    let mut request = ExportMetricsServiceRequest::decode(&bytes[..]).unwrap();
    let metrics = request
        .resource_metrics
        .remove(0)
        .scope_metrics
        .remove(0)
        .metrics;
    let [
        Some(Data::Gauge(gauge)),
        Some(Data::Histogram(histogram)),
        Some(Data::Sum(_)),
    ] = [0, 1, 2].map(|index: usize| metrics[index].data.clone())
    else {
        panic!("{metrics:?}")
    };
    let values: Vec<_> = gauge.data_points.iter().map(|point| point.value).collect();
    use number_data_point::Value::{AsDouble, AsInt};
    assert_eq!(values, [Some(AsInt(0)), Some(AsDouble(0.0)), None]);
    let point = &histogram.data_points[0];
    assert_eq!([point.sum, point.min, point.max], [Some(0.0); 3]);
    assert_eq!(histogram.data_points[1].sum, None);
}

/// Scenario: names in lowerCamelCase, as in the source, with escapes, in other cases. Guarantees: the
/// first three mean the field; everything else is unknown and read past.
#[test]
fn fields_have_two_names() {
    for name in [
        "droppedAttributesCount",
        "dropped_attributes_count",
        "dropped\\u0041ttributesCount",
    ] {
        assert_eq!(
            span(&format!(r#""{name}":7"#))
                .unwrap()
                .dropped_attributes_count,
            7,
            "{name}"
        );
    }
    for name in [
        "DroppedAttributesCount",
        "droppedattributescount",
        "dropped_attributesCount",
        "droppedAttributesCounts",
        "",
    ] {
        let json = format!(r#""{name}":{{"any":["thing",-1.5e3,true,null]}}"#);
        assert_eq!(span(&json), Ok(Span::default()), "{name}");
    }
}

/// Scenario: null as a value, as a list, as an element. Guarantees: absent; in a list of messages an
/// empty message, so that nothing shifts; in a list of scalars an error.
#[test]
fn null_means_absent() {
    assert_eq!(
        span(r#""name":null,"status":null,"attributes":null,"flags":null"#),
        Ok(Span::default())
    );
    let Value::ArrayValue(array) =
        body_value(r#"{"stringValue":null,"arrayValue":{"values":[null,{"intValue":1}]}}"#)
    else {
        panic!()
    };
    assert_eq!(
        array.values,
        [
            AnyValue::default(),
            AnyValue {
                value: Some(Value::IntValue(1))
            }
        ]
    );
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[1,null]}]}}]}]}]}"#;
    let error = json_to_protobuf(Signal::Metrics, json.as_bytes()).unwrap_err();
    assert!(error.path.ends_with("bucketCounts[1]"), "{error}");
}

/// Scenario: keys that stand twice. Guarantees: as two protobuf fields: the last scalar wins even if it
/// is a default, messages merge, lists grow; two members of a oneof are refused.
#[test]
fn repeated_keys_merge() {
    let twice = span(
        r#""name":"a","name":"","flags":1,"flags":2,"status":{"code":1},"status":{"message":"m"},
        "attributes":[{"key":"a"}],"attributes":[{"key":"b"}]"#,
    )
    .unwrap();
    assert_eq!((twice.name.as_str(), twice.flags), ("", 2));
    let status = twice.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (1, "m"));
    assert_eq!(twice.attributes.len(), 2);
    assert_eq!(
        body_value(r#"{"intValue":1,"intValue":0}"#),
        Value::IntValue(0)
    );
    let oneof = "only one of the fields of a oneof may be set";
    assert_eq!(body_fault(r#"{"intValue":1,"stringValue":"x"}"#), oneof);
    assert_eq!(
        body_value(r#"{"intValue":1,"stringValue":null}"#),
        Value::IntValue(1)
    );
}

/// Scenario: strings with every escape, surrogates, wide characters, NUL. Guarantees: the text; half a
/// surrogate pair becomes U+FFFD; faulty escapes and raw control characters are refused.
#[test]
fn strings_are_unescaped() {
    for (json, text) in [
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0041\u00e9\u20AC""#, "Aé€"),
        (r#""\ud83d\ude00!""#, "\u{1f600}!"),
        (r#""é€😀\u0000""#, "é€😀\u{0}"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00x""#, "\u{fffd}x"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\ud83dA\u0041""#, "\u{fffd}AA"),
        ("\"\u{7f}\u{2028}\"", "\u{7f}\u{2028}"),
    ] {
        assert_eq!(
            span(&format!(r#""name":{json}"#)).map(|span| span.name),
            Ok(text.to_owned()),
            "{json}"
        );
    }
    for bad in [
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\ud83d\u12""#,
        "\"\n\"",
        "\"\u{0}\"",
        r#""\é""#,
        "12",
        "true",
    ] {
        assert!(span(&format!(r#""name":{bad}"#)).is_err(), "{bad}");
    }
}
