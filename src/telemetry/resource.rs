//! Who speaks: the resource that stands on all own telemetry.

use std::env;
use std::fs;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};

/// The resource of this process (semantic conventions for service, host and process).
///
/// `OTEL_RESOURCE_ATTRIBUTES` overrides each attribute, `OTEL_SERVICE_NAME` the service's name.
pub(super) fn resource(service_name: &str) -> Resource {
    let builder = Resource::builder_empty()
        .with_attributes(own_attributes(service_name))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => builder.with_service_name(name).build(),
        _ => builder.build(),
    }
}

fn own_attributes(service_name: &str) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("service.name", service_name.to_owned()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", random_uuid()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    attributes.extend(host_name().map(|name| KeyValue::new("host.name", name)));
    attributes
}

/// The machine's name as the kernel knows it.
pub fn host_name() -> Option<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| env::var("HOSTNAME").ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A version 4 UUID (RFC 9562, section 5.4), as the conventions ask of `service.instance.id`.
fn random_uuid() -> String {
    let random = fastrand::u128(..);
    let versioned = (random & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{versioned:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::Key;

    /// Scenario: many instance ids.
    /// Guarantees: each has the version and variant bits of RFC 9562 and no two are equal.
    #[test]
    fn instance_ids_are_version_4_uuids() {
        let ids: std::collections::HashSet<_> = (0..100).map(|_| random_uuid()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert_eq!((id.len(), &id[14..15]), (36, "4"));
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }

    /// Scenario: a resource made without any variable of the environment.
    /// Guarantees: it names the service, its version, its instance, the process and the SDK.
    #[test]
    fn resource_says_who_speaks() {
        let resource = resource("lineside-test");
        let get = |key: &'static str| resource.get(&Key::new(key)).map(|value| value.to_string());
        assert_eq!(get("service.name").as_deref(), Some("lineside-test"));
        assert_eq!(
            get("service.version").as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(get("process.pid"), Some(std::process::id().to_string()));
        assert_eq!(get("telemetry.sdk.language").as_deref(), Some("rust"));
        assert!(get("service.instance.id").is_some());
    }
}
