//! prost's opinion of a request, to compare ours with.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::{DecodeError, Message};

use crate::otlp::{Signal, inspect};

/// A request as prost decodes it.
#[derive(Debug, PartialEq)]
pub(super) enum Decoded {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

pub(super) fn decode(signal: Signal, bytes: &[u8]) -> Result<Decoded, DecodeError> {
    Ok(match signal {
        Signal::Traces => Decoded::Traces(ExportTraceServiceRequest::decode(bytes)?),
        Signal::Metrics => Decoded::Metrics(ExportMetricsServiceRequest::decode(bytes)?),
        Signal::Logs => Decoded::Logs(ExportLogsServiceRequest::decode(bytes)?),
    })
}

impl Decoded {
    /// The bytes as prost writes them.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Decoded::Traces(request) => request.encode_to_vec(),
            Decoded::Metrics(request) => request.encode_to_vec(),
            Decoded::Logs(request) => request.encode_to_vec(),
        }
    }

    fn resources(&self) -> Vec<(Option<&Resource>, usize)> {
        match self {
            Decoded::Traces(request) => request
                .resource_spans
                .iter()
                .map(|of| {
                    (
                        &of.resource,
                        of.scope_spans.iter().map(|scope| scope.spans.len()),
                    )
                })
                .map(|(resource, items)| (resource.as_ref(), items.sum()))
                .collect(),
            Decoded::Metrics(request) => request
                .resource_metrics
                .iter()
                .map(|of| {
                    (
                        &of.resource,
                        of.scope_metrics.iter().flat_map(|scope| &scope.metrics),
                    )
                })
                .map(|(resource, metrics)| (resource, metrics.map(|metric| points(&metric.data))))
                .map(|(resource, items)| (resource.as_ref(), items.sum()))
                .collect(),
            Decoded::Logs(request) => request
                .resource_logs
                .iter()
                .map(|of| {
                    (
                        &of.resource,
                        of.scope_logs.iter().map(|scope| scope.log_records.len()),
                    )
                })
                .map(|(resource, items)| (resource.as_ref(), items.sum()))
                .collect(),
        }
    }

    fn services(&self) -> Vec<(&str, u32)> {
        let mut services = BTreeMap::new();
        for (resource, items) in self.resources() {
            *services.entry(service(resource)).or_default() += items as u32;
        }
        services
            .into_iter()
            .filter(|(_, items)| *items > 0)
            .collect()
    }
}

fn points(data: &Option<Data>) -> usize {
    match data {
        None => 0,
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
    }
}

fn service(resource: Option<&Resource>) -> &str {
    let attributes = resource
        .map(|resource| resource.attributes.as_slice())
        .unwrap_or_default();
    let named = attributes
        .iter()
        .filter(|attribute| attribute.key == "service.name");
    let mut names =
        named.filter_map(
            |attribute| match attribute.value.as_ref()?.value.as_ref()? {
                Value::StringValue(name) => Some(name.as_str()),
                _ => None,
            },
        );
    names.next().unwrap_or_default()
}

/// Asserts that the walk and prost agree on `bytes`: accepted or not, items, services.
pub(super) fn assert_agreement(signal: Signal, bytes: &[u8]) {
    match (inspect(signal, bytes), decode(signal, bytes)) {
        (Ok(tally), Ok(decoded)) => {
            assert_eq!(
                tally.services,
                decoded.services(),
                "services of {signal} {bytes:02x?}"
            );
            let sum: u32 = tally.services.iter().map(|(_, items)| items).sum();
            assert_eq!(tally.items, sum, "items of {signal} {bytes:02x?}");
        }
        (Err(error), Err(_)) => assert!(error.offset <= bytes.len(), "{error}"),
        (ours, prost) => {
            let prost = prost.map(drop);
            panic!("{signal}: ours {ours:?}, prost's {prost:?}, of {bytes:02x?}");
        }
    }
}
