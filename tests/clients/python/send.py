"""Sends spans, metrics and logs with the official Python SDK and prints what it sent as JSON.

usage: send.py grpc|http ENDPOINT none|gzip
"""

import json
import logging
import sys

import canonical

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

SENT = {"traces": [], "metrics": [], "logs": []}
REFUSED = []
RESOURCE = Resource.create({"service.name": "python-shop", "deployment.environment.name": "test", "replica": 3})


def exporters(protocol, endpoint, compression):
    """The three OTLP exporters of one protocol, each noting what it is given to export."""
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        options = {
            "compression": Compression.Gzip if compression == "gzip" else Compression.NoCompression,
            "insecure": True,
        }
        ends = {signal: endpoint for signal in SENT}
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        options = {"compression": Compression.Gzip if compression == "gzip" else Compression.NoCompression}
        ends = {signal: f"{endpoint}/v1/{signal}" for signal in SENT}

    traces = OTLPSpanExporter(endpoint=ends["traces"], timeout=20, **options)
    metrics = OTLPMetricExporter(endpoint=ends["metrics"], timeout=20, **options)
    logs = OTLPLogExporter(endpoint=ends["logs"], timeout=20, **options)
    noting(traces, "traces", lambda batch: [canonical.span(s) for s in batch], SpanExportResult.SUCCESS)
    noting(metrics, "metrics", canonical.points, MetricExportResult.SUCCESS)
    noting(logs, "logs", lambda batch: [canonical.log(r) for r in batch], LogRecordExportResult.SUCCESS)
    return traces, metrics, logs


def noting(exporter, signal, read, success):
    export = exporter.export

    def note_and_export(batch, *args, **kwargs):
        result = export(batch, *args, **kwargs)
        if result is success:
            SENT[signal] += read(batch)
        else:
            REFUSED.append(signal)
        return result

    exporter.export = note_and_export


def send_traces(exporter):
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("shop.orders", "1.2.3", attributes={"library": "shop"})
    elsewhere = SpanContext(
        0x0AF7651916CD43DD8448EB211C80319C,
        0xB7AD6B7169203331,
        is_remote=True,
        trace_flags=TraceFlags(1),
        trace_state=TraceState([("vendor", "t61rcWkgMzE")]),
    )
    remote = trace.set_span_in_context(trace.NonRecordingSpan(elsewhere))
    with tracer.start_as_current_span(
        "POST /orders",
        context=remote,
        kind=SpanKind.SERVER,
        links=[Link(elsewhere, {"link.reason": "retry"})],
        attributes={
            "text": "größe ✓",
            "empty": "",
            "int": -9007199254740993,
            "float": 2.5,
            "whole.float": 3.0,
            "bool": False,
            "strings": ["a", "b"],
            "ints": [1, 2, 3],
            "floats": [0.5, 1e300],
            "bools": [True, False],
        },
    ) as server:
        server.add_event("reserved", {"sku": "A-1", "left": 0})
        with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as client:
            client.record_exception(ValueError("card declined"))
            client.set_status(Status(StatusCode.ERROR, "card declined"))
        server.set_status(Status(StatusCode.OK))
    for number in range(300):
        with tracer.start_as_current_span("tick", kind=SpanKind.CONSUMER) as span:
            span.set_attribute("number", number)
    provider.shutdown()


def send_metrics(exporter):
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=600_000)
    exponential = View(
        instrument_type=Histogram,
        instrument_name="order.value",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    provider = MeterProvider(metric_readers=[reader], resource=RESOURCE, views=[exponential])
    meter = provider.get_meter("shop.metrics", "4.5")
    orders = meter.create_counter("orders", unit="{order}", description="Orders taken")
    orders.add(3, {"plan": "gold"})
    orders.add(1.5, {"plan": "größe"})
    meter.create_up_down_counter("queue.size").add(-4, {"queue": "mail"})
    meter.create_gauge("room.temperature", unit="Cel").set(-3.25)
    duration = meter.create_histogram("http.server.request.duration", unit="s")
    value = meter.create_histogram("order.value", unit="EUR")
    for number in range(1, 50):
        duration.record(number * 0.007, {"http.route": "/orders", "http.response.status_code": 200})
        value.record(number * 1.75)
    provider.shutdown()


def send_logs(exporter):
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("shop.log", "7")
    logger.emit(
        LogRecord(
            timestamp=1_700_000_000_123_456_789,
            observed_timestamp=1_700_000_001_000_000_001,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body={"nested": {"list": [1, "two", 2.5, True], "raw": b"\x00\xff"}, "text": "x"},
            attributes={"user.id": "u-1", "attempt": 2},
            event_name="stock.low",
        )
    )
    for number in range(40):
        logger.emit(
            LogRecord(
                timestamp=1_700_000_000_000_000_000 + number,
                observed_timestamp=1_700_000_002_000_000_000,
                severity_number=SeverityNumber.INFO,
                body=f"line {number}",
            )
        )
    provider.shutdown()


def main():
    logging.basicConfig(stream=sys.stderr)
    protocol, endpoint, compression = sys.argv[1:4]
    traces, metrics, logs = exporters(protocol, endpoint, compression)
    send_traces(traces)
    send_metrics(metrics)
    send_logs(logs)
    if REFUSED:
        sys.exit(f"the agent did not take: {REFUSED}")
    json.dump(SENT, sys.stdout)


main()
