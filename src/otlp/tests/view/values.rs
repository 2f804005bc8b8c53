//! Values and their text.

use opentelemetry_proto::tonic::common::v1::KeyValueList;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Message, ArrayValue, KeyValue};
use prost::Message as _;

use crate::otlp::tests::walk::nested;
use crate::otlp::view::{AnyValue, Attribute, text};

fn written(value: &AnyValue<'_>) -> String {
    let mut out = "before ".to_owned();
    value.write_text(&mut out);
    out.strip_prefix("before ").unwrap().to_owned()
}

fn any(value: impl Into<Option<Value>>) -> Message {
    Message {
        value: value.into(),
    }
}

fn string(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn array(values: impl IntoIterator<Item = Message>) -> Value {
    let values = values.into_iter().collect();
    Value::ArrayValue(ArrayValue { values })
}

fn map(entries: impl IntoIterator<Item = (&'static str, Message)>) -> Value {
    let entry = |(key, value): (&str, Message)| KeyValue {
        key: key.to_owned(),
        value: Some(value),
        key_strindex: 0,
    };
    let values = entries.into_iter().map(entry).collect();
    Value::KvlistValue(KeyValueList { values })
}

/// Scenario: the examples of the specification ("AnyValue representation for non-OTLP protocols") and
/// the edges of each type. Guarantees: the text that it asks for; what was written before stays.
#[test]
fn values_are_written_as_the_specification_asks() {
    let double = Value::DoubleValue;
    let table = [
        // Strings: as they are, without quotes.
        (any(string("hello world")), "hello world"),
        (any(string("")), ""),
        (any(string("say \"hi\"\n")), "say \"hi\"\n"),
        // Booleans and integers: as in JSON.
        (any(Value::BoolValue(true)), "true"),
        (any(Value::BoolValue(false)), "false"),
        (any(Value::IntValue(42)), "42"),
        (any(Value::IntValue(-123)), "-123"),
        (any(Value::IntValue(i64::MIN)), "-9223372036854775808"),
        // Floating point numbers: as in JSON; NaN and infinities by name, without quotes.
        (any(double(3.25)), "3.25"),
        (any(double(1.0)), "1"),
        (any(double(-0.0)), "-0"),
        (any(double(0.0)), "0"),
        (any(double(1.23e10)), "12300000000"),
        (any(double(1e20)), "100000000000000000000"),
        (any(double(1e21)), "1e+21"),
        (any(double(-1.5e300)), "-1.5e+300"),
        (any(double(0.000001)), "0.000001"),
        (any(double(1.5e-7)), "1.5e-7"),
        (any(double(5e-324)), "5e-324"),
        (any(double(f64::NAN)), "NaN"),
        (any(double(f64::INFINITY)), "Infinity"),
        (any(double(f64::NEG_INFINITY)), "-Infinity"),
        // Byte arrays: base64 with padding, without quotes.
        (
            any(Value::BytesValue(b"hello world".to_vec())),
            "aGVsbG8gd29ybGQ=",
        ),
        (any(Value::BytesValue(vec![0xfb, 0xff])), "+/8="),
        (any(Value::BytesValue(vec![])), ""),
        // Empty values: the empty string.
        (any(None), ""),
        (any(Value::StringValueStrindex(3)), ""),
        // Arrays and maps: as JSON, in which NaN and infinities are strings and empty is null.
        (any(array([])), "[]"),
        (
            any(array([
                any(Value::IntValue(1)),
                any(double(f64::NEG_INFINITY)),
                any(string("a")),
                any(Value::BoolValue(true)),
                any(map([(
                    "nested",
                    any(Value::BytesValue(b"hello world".to_vec())),
                )])),
            ])),
            r#"[1,"-Infinity","a",true,{"nested":"aGVsbG8gd29ybGQ="}]"#,
        ),
        (any(map([])), "{}"),
        (
            any(map([
                ("a", any(double(f64::NEG_INFINITY))),
                ("b", any(Value::IntValue(2))),
                ("c", any(array([any(Value::IntValue(3)), any(None)]))),
            ])),
            r#"{"a":"-Infinity","b":2,"c":[3,null]}"#,
        ),
        (
            any(array([any(double(f64::NAN)), any(double(0.5))])),
            r#"["NaN",0.5]"#,
        ),
        (
            any(map([("k\"\u{1}", any(string("v\\\n")))])),
            r#"{"k\"\u0001":"v\\\n"}"#,
        ),
    ];
    for (message, expected) in table {
        let bytes = message.encode_to_vec();
        assert_eq!(written(&AnyValue::read(&bytes)), expected, "{message:?}");
    }
}

/// Scenario: random numbers in arrays. Guarantees: JSON that reads back as the same number.
#[test]
fn numbers_in_json_read_back() {
    let mut rng = fastrand::Rng::with_seed(31);
    for _ in 0..5_000 {
        let number = f64::from_bits(rng.u64(..));
        let bytes = any(array([any(Value::DoubleValue(number))])).encode_to_vec();
        let json = written(&AnyValue::read(&bytes));
        if number.is_finite() {
            assert!(serde_json::from_str::<[f64; 1]>(&json).is_ok(), "{json}");
            // serde_json reads numbers to within one unit in the last place only.
            assert_eq!(json[1..json.len() - 1].parse(), Ok(number), "{json}");
        } else {
            assert!(serde_json::from_str::<[String; 1]>(&json).is_ok(), "{json}");
        }
    }
}

/// Scenario: attributes in the plain shape and in every other. Guarantees: the last key and the
/// last member of the value count; a piece of a value without a member takes nothing away.
#[test]
fn attributes_read_in_every_shape() {
    let key = |key: &str| nested(&[1], key.as_bytes());
    let string = |text: &str| nested(&[2, 1], text.as_bytes());
    let long = "v".repeat(300);
    let table = [
        ([key("k"), string("v")].concat(), "k", "v"),
        ([string("v"), key("k")].concat(), "k", "v"),
        ([key("k"), string(&long)].concat(), "k", &long),
        ([key(&long), string("v")].concat(), &long, "v"),
        ([key("k"), string("v"), key("l")].concat(), "l", "v"),
        ([key("k"), string("v"), string("w")].concat(), "k", "w"),
        (
            [key("k"), string("v"), nested(&[2], b"")].concat(),
            "k",
            "v",
        ),
        (
            [key("k"), nested(&[2], b""), string("v")].concat(),
            "k",
            "v",
        ),
        (
            [key("k"), nested(&[2], b"\x0a\x01v\x18\x05")].concat(),
            "k",
            "5",
        ),
        (
            [key("k"), nested(&[2], b"\x18\x05\x0a\x01v")].concat(),
            "k",
            "v",
        ),
        (
            [key("k"), nested(&[2], b"\x18\x05\x40\x07")].concat(),
            "k",
            "",
        ),
        ([key("k"), string("v"), vec![0x18, 7]].concat(), "k", "v"),
        (key("k"), "k", ""),
        (string("v"), "", "v"),
        (vec![], "", ""),
    ];
    for (raw, key, value) in &table {
        let attribute = Attribute { raw };
        assert_eq!(text(attribute.key()), *key, "{raw:02x?}");
        assert_eq!(written(&attribute.value()), *value, "{raw:02x?}");
    }
}
