"""What the SDK hands to its exporters, in the form in which the tests compare it with what arrived.

Read from the SDK's own objects, not from its OTLP encoder, so that both ends are judged independently.
"""

import struct

SPAN_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}


def double(v):
    """A double by its bits: no parser can round it."""
    return {"$double": struct.pack(">d", v).hex()}


def value(v):
    if isinstance(v, float):
        return double(v)
    if isinstance(v, bytes):
        return {"$bytes": v.hex()}
    if isinstance(v, (list, tuple)):
        return [value(x) for x in v]
    if hasattr(v, "items"):
        return {k: value(x) for k, x in v.items()}
    return v


def attributes(a):
    return {k: value(v) for k, v in (a or {}).items()}


def scope(s):
    return {"name": s.name, "version": s.version or "", "attributes": attributes(s.attributes)}


def trace_id(n):
    return f"{n:032x}" if n else ""


def span_id(n):
    return f"{n:016x}" if n else ""


def span(s):
    return {
        "resource": attributes(s.resource.attributes),
        "scope": scope(s.instrumentation_scope),
        "trace_id": trace_id(s.context.trace_id),
        "span_id": span_id(s.context.span_id),
        "parent_span_id": span_id(s.parent.span_id) if s.parent else "",
        "trace_state": s.context.trace_state.to_header(),
        "name": s.name,
        "kind": SPAN_KINDS[s.kind.name],
        "start": str(s.start_time),
        "end": str(s.end_time),
        "attributes": attributes(s.attributes),
        "events": [
            {"name": e.name, "time": str(e.timestamp), "attributes": attributes(e.attributes)}
            for e in s.events
        ],
        "links": [
            {
                "trace_id": trace_id(link.context.trace_id),
                "span_id": span_id(link.context.span_id),
                "attributes": attributes(link.attributes),
            }
            for link in s.links
        ],
        "status": {"code": s.status.status_code.value, "message": s.status.description or ""},
    }


def log(readable):
    r = readable.log_record
    return {
        "resource": attributes(readable.resource.attributes),
        "scope": scope(readable.instrumentation_scope),
        "time": str(r.timestamp or 0),
        "observed": str(r.observed_timestamp or 0),
        "severity": r.severity_number.value if r.severity_number else 0,
        "severity_text": r.severity_text or "",
        "body": value(r.body),
        "attributes": attributes(r.attributes),
        "trace_id": trace_id(r.trace_id),
        "span_id": span_id(r.span_id),
        "event_name": r.event_name or "",
    }


def points(metrics_data):
    """One entry for each data point."""
    out = []
    for rm in metrics_data.resource_metrics:
        for sm in rm.scope_metrics:
            for m in sm.metrics:
                common = {
                    "resource": attributes(rm.resource.attributes),
                    "scope": scope(sm.scope),
                    "name": m.name,
                    "description": m.description or "",
                    "unit": m.unit or "",
                }
                out += [{**common, **shape(m.data), **point(m.data, p)} for p in m.data.data_points]
    return out


def shape(data):
    kind = type(data).__name__
    if kind == "Gauge":
        return {"type": "gauge"}
    temporality = data.aggregation_temporality.value
    if kind == "Sum":
        return {"type": "sum", "temporality": temporality, "monotonic": data.is_monotonic}
    if kind == "Histogram":
        return {"type": "histogram", "temporality": temporality}
    return {"type": "exponential_histogram", "temporality": temporality}


def point(data, p):
    entry = {
        "attributes": attributes(p.attributes),
        "start": str(p.start_time_unix_nano or 0),
        "time": str(p.time_unix_nano or 0),
    }
    kind = type(data).__name__
    if kind in ("Gauge", "Sum"):
        return {**entry, "value": value(p.value)}
    entry |= {"count": p.count, "sum": double(p.sum), "min": double(p.min), "max": double(p.max)}
    if kind == "Histogram":
        return {**entry, "bounds": [double(b) for b in p.explicit_bounds], "buckets": list(p.bucket_counts)}
    return entry | {
        "scale": p.scale,
        "zero_count": p.zero_count,
        "positive": {"offset": p.positive.offset, "counts": list(p.positive.bucket_counts)},
        "negative": {"offset": p.negative.offset, "counts": list(p.negative.bucket_counts)},
    }
