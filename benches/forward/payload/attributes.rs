//! What every signal's requests have in common.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// The resource of one instance of a service.
pub fn resource(service: &str, instance: usize) -> Option<Resource> {
    let attributes = vec![
        text("service.name", service),
        text("service.version", "4.18.2"),
        text(
            "service.instance.id",
            &format!("{service}-7c9f8d5b6-x2x{instance}k"),
        ),
        text("deployment.environment.name", "production"),
        text("host.name", &format!("node-{instance}.eu-central-1")),
        text("telemetry.sdk.language", "java"),
    ];
    Some(Resource {
        attributes,
        ..Default::default()
    })
}

pub fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "io.opentelemetry.tomcat".into(),
        version: "2.9.0".into(),
        ..Default::default()
    })
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

pub fn id(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.u8(..)).collect()
}
