//! The way out for the agent's own spans: to its own intake, as bytes that are made here.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::own_client::OwnDoor;
use super::span_bytes;
use crate::otlp::Signal;

/// Exports spans to the intake.
pub(super) struct OwnSpans {
    door: OwnDoor,
    /// How long one offer may take.
    limit: Duration,
    resource_fields: Vec<u8>,
}

impl OwnSpans {
    pub(super) fn new(door: OwnDoor, limit: Duration) -> OwnSpans {
        OwnSpans {
            door,
            limit,
            resource_fields: Vec::new(),
        }
    }
}

impl fmt::Debug for OwnSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnSpans").finish_non_exhaustive()
    }
}

impl SpanExporter for OwnSpans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let body = Bytes::from(span_bytes::request(&self.resource_fields, &batch));
        drop(batch);
        let delivered = self.door.deliver(Signal::Traces, body, self.limit).await;
        delivered.map_err(OTelSdkError::InternalFailure)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource_fields = span_bytes::resource_fields(resource);
    }
}
