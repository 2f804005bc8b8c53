//! Compressed answers.

use bytes::Bytes;

use super::Rig;
use crate::otlp::{Encoding, inflate};
use crate::series::exposition::{Format, compress};
use crate::series::naming::MetricKind;
use crate::series::store::Value;

/// Scenario: an answer of a thousand series, and an empty one.
/// Guarantees: they inflate to what they were; the large one is less than a fifth of its size.
#[test]
fn compressed_answers_inflate_to_themselves() {
    let mut rig = Rig::new();
    for number in 0..1000 {
        let labels = format!(r#"path="/orders/{number}",method="GET""#);
        rig.add(
            "hits_total",
            MetricKind::Counter,
            &labels,
            Value::Integer(number),
        );
    }
    let text = Bytes::from(rig.bytes(Format::Text004, None).0);
    for answer in [text.clone(), Bytes::new()] {
        let gzip = compress(answer.clone()).unwrap();
        assert_eq!(
            inflate(Encoding::Gzip, &gzip, answer.len()).unwrap(),
            answer
        );
    }
    assert!(compress(text.clone()).unwrap().len() < text.len() / 5);
}
