"""A shop with a dashboard behind it, as the applications in the reference documents measure themselves, until stdin is
closed: HTTP, connection pools, queues, caches, breakers, messages and money.

It sends as two services: "shop" measures with the SDK's defaults, "shop-native" measures HTTP in exponential histograms.

usage: shop.py ENDPOINT
"""

import logging
import select
import sys
import time

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

PAUSE_S = 0.2
NEVER_MS = 3_600_000
STARTED = time.monotonic()

# Route, method, status and seconds of the requests of one round; every fourth fails.
REQUESTS = [
    ("/api/customers", "GET", 200, 0.08),
    ("/api/customers", "GET", 500, 0.9),
    ("/api/restaurants", "GET", 200, 0.04),
    ("/api/tasks", "POST", 404, 1.2),
]
OPEN = 1


def meters(endpoint, service, views):
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True, timeout=20)
    provider = MeterProvider(
        metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MS)],
        resource=Resource({"service.name": service, "service.instance.id": "one"}),
        views=views,
    )
    return provider, provider.get_meter("shop")


def http(meter):
    """Requests by the semantic conventions, with the boundaries that they advise."""
    duration = meter.create_histogram(
        "http.server.request.duration",
        unit="s",
        description="Duration of HTTP server requests.",
        explicit_bucket_boundaries_advisory=[
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
        ],
    )
    active = meter.create_up_down_counter("http.server.active_requests", unit="{request}")
    active.add(2, {"http.request.method": "GET"})

    def work():
        for route, method, status, seconds in REQUESTS:
            duration.record(
                seconds,
                {
                    "http.route": route,
                    "http.request.method": method,
                    "http.response.status_code": status,
                    "url.scheme": "http",
                },
            )

    return work


def database(meter):
    """A pool of ten connections of which nine are in use."""
    pool = {"db.client.connection.pool.name": "main"}
    used = meter.create_up_down_counter("db.client.connection.count", unit="{connection}")
    most = meter.create_up_down_counter("db.client.connection.max", unit="{connection}")
    operations = meter.create_histogram("db.client.operation.duration", unit="s")
    used.add(9, {**pool, "db.client.connection.state": "used"})
    used.add(1, {**pool, "db.client.connection.state": "idle"})
    most.add(10, pool)
    return lambda: operations.record(0.004, {"db.system.name": "postgresql", "db.operation.name": "SELECT"})


def caches(meter):
    hits = meter.create_counter("cache.hits")
    misses = meter.create_counter("cache.misses")

    def work():
        for layer, found, missed in (("L1", 9, 1), ("L2", 3, 2)):
            hits.add(found, {"cache.layer": layer})
            misses.add(missed, {"cache.layer": layer})

    return work


def latency(meter):
    """Request latencies in milliseconds, as the monitoring system records them."""
    request = meter.create_histogram("latency.api_request", unit="ms")

    def work():
        for milliseconds in (120, 145, 160, 500, 1205):
            request.record(milliseconds)

    return work


def breakers_and_queues(meter):
    def states(_):
        for service, state in (("stripe", OPEN), ("twilio", 0), ("namesilo", 0), ("openai", 2)):
            yield Observation(state, {"service": service})

    def waiting(_):
        for queue in ("email", "sms", "provisioning", "backup"):
            yield Observation(4, {"queue_name": queue, "status": "waiting"})

    def uptime(_):
        yield Observation(time.monotonic() - STARTED)

    meter.create_observable_gauge("circuit_breaker.state", [states])
    meter.create_observable_gauge("queue.size", [waiting])
    meter.create_observable_gauge("process.uptime", [uptime], unit="s")


# Counters of the business, and the attributes that each carries.
COUNTERS = {
    "user.signups": {"plan_type": "gold"},
    "revenue": {"currency": "EUR", "product_type": "hosting"},
    "invoice.status": {"status": "paid"},
    "emails.sent": {"template": "welcome", "status": "sent"},
    "sms.sent": {"purpose": "login", "status": "sent"},
    "rate_limit.hits": {"endpoint": "/api/login"},
    "auth.failures": {"reason": "password"},
    "webhook.deliveries": {"event": "invoice.paid", "status": "delivered"},
    "tasks.created": {},
    "tasks.updated": {},
}


def business(meter):
    counters = {name: meter.create_counter(name) for name in COUNTERS}
    provisioning = meter.create_histogram("service.provisioning.duration", unit="s")

    def work():
        for name, counter in counters.items():
            counter.add(2, COUNTERS[name])
        provisioning.record(3.5)

    return work


def main():
    logging.basicConfig(stream=sys.stderr)
    endpoint = sys.argv[1]
    shop, meter = meters(endpoint, "shop", [])
    native_view = View(
        instrument_name="http.server.request.duration", aggregation=ExponentialBucketHistogramAggregation()
    )
    native, native_meter = meters(endpoint, "shop-native", [native_view])
    breakers_and_queues(meter)
    works = [part(meter) for part in (http, database, caches, latency, business)] + [http(native_meter)]
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        for work in works:
            work()
        if not (shop.force_flush() and native.force_flush()):
            sys.exit("the agent did not take it")


main()
