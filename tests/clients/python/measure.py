"""Records with every instrument of the official Python SDK, once with cumulative and once with delta temporality, and
prints as JSON what each was told: what Prometheus has to show in the end.

usage: measure.py ENDPOINT
"""

import json
import logging
import sys

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

ROUNDS = 3
NEVER_MS = 3_600_000
TRACER = TracerProvider().get_tracer("measure")


class Told:
    """The values that instruments were told, added up as each instrument adds them up."""

    def __init__(self):
        self.numbers = {}
        self.recorded = {"duration": [], "payload": []}
        self.trace_ids = []

    def add(self, name, value):
        self.numbers[name] = self.numbers.get(name, 0) + value
        return value

    def set(self, name, value):
        self.numbers[name] = value
        return value

    def record(self, name, value):
        self.recorded[name].append(value)
        return value


def provider(endpoint, service, temporality):
    preferred = {kind: temporality for kind in (Counter, ObservableCounter, Histogram)}
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True, timeout=20, preferred_temporality=preferred)
    exponential = View(instrument_name="payload.size", aggregation=ExponentialBucketHistogramAggregation())
    return MeterProvider(
        metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MS)],
        resource=Resource({"service.name": service, "service.instance.id": "one"}),
        views=[exponential],
    )


def observables(meter, told):
    def read(_):
        yield Observation(told.numbers.get("disk.read", 0), {"disk": "sda"})

    def workers(_):
        yield Observation(told.numbers.get("workers", 0))

    def share(_):
        yield Observation(told.numbers.get("cpu.share", 0))

    meter.create_observable_counter("disk.read", [read], unit="By", description="Bytes read")
    meter.create_observable_up_down_counter("workers", [workers], description="Workers at work")
    meter.create_observable_gauge("cpu.share", [share], unit="1", description="Share of the processor")


def record_rounds(meter_provider, told):
    meter = meter_provider.get_meter("measure", "1.0")
    orders = meter.create_counter("orders.placed", unit="{order}", description="Orders placed")
    energy = meter.create_counter("energy", unit="J", description="Energy used")
    queue = meter.create_up_down_counter("queue.size", description="Jobs that wait")
    temperature = meter.create_gauge("room.temperature", unit="Cel", description="Temperature of the room")
    duration = meter.create_histogram(
        "request.duration", unit="s", description="Duration", explicit_bucket_boundaries_advisory=[0.125, 0.5, 1, 2.5]
    )
    payload = meter.create_histogram("payload.size", unit="By", description="Size")
    observables(meter, told)
    # Values are sums of powers of two, so that no way of adding them up rounds.
    for number in range(1, ROUNDS + 1):
        with TRACER.start_as_current_span("measured") as span:
            told.trace_ids.append(f"{span.get_span_context().trace_id:032x}")
            orders.add(told.add("orders.gold", 3 * number), {"plan": "gold"})
            orders.add(told.add("orders.free", number), {"plan": "free"})
            energy.add(told.add("energy", number * 0.375))
            queue.add(told.add("queue.mail", 5 - 3 * number), {"queue": "mail"})
            temperature.set(told.set("temperature", -3.25 * number))
            told.add("disk.read", 4096 * number)
            told.set("workers", 7 - number)
            told.set("cpu.share", number / 8)
            for step in range(1, 25):
                duration.record(told.record("duration", step / 8), {"route": "/orders"})
                payload.record(told.record("payload", 64 * step * number))
        if not meter_provider.force_flush():
            sys.exit("the agent did not take it")


def main():
    logging.basicConfig(stream=sys.stderr)
    out = {}
    for name, temporality in (
        ("cumulative", AggregationTemporality.CUMULATIVE),
        ("delta", AggregationTemporality.DELTA),
    ):
        told = Told()
        meter_provider = provider(sys.argv[1], f"measured-{name}", temporality)
        record_rounds(meter_provider, told)
        meter_provider.shutdown()
        out[name] = {"numbers": told.numbers, "trace_ids": told.trace_ids, **told.recorded}
    json.dump(out, sys.stdout)


main()
