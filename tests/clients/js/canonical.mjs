// What the SDK hands to its exporters, in the form in which the tests compare it with what arrived. Read from
// the SDK's own objects, not from its OTLP encoder, so that both ends are judged independently.

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** A double by its bits: no parser can round it. */
function double(v) {
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(v);
  return { $double: bits.toString('hex') };
}

function value(v) {
  if (typeof v === 'number' && !Number.isInteger(v)) return double(v);
  if (v === undefined) return null;
  if (v instanceof Uint8Array) return { $bytes: hex(v) };
  if (Array.isArray(v)) return v.map(value);
  if (v !== null && typeof v === 'object') return attributes(v);
  return v;
}

const attributes = (object) =>
  Object.fromEntries(Object.entries(object ?? {}).map(([key, v]) => [key, value(v)]));

const nanos = ([seconds, nanoseconds]) => String(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));

const scope = (s) => ({ name: s.name, version: s.version ?? '', attributes: attributes(s.attributes) });

const STATE = (context) => context?.traceState?.serialize() ?? '';

export const span = (s) => ({
  resource: attributes(s.resource.attributes),
  scope: scope(s.instrumentationScope),
  trace_id: s.spanContext().traceId,
  span_id: s.spanContext().spanId,
  parent_span_id: s.parentSpanContext?.spanId ?? '',
  trace_state: STATE(s.spanContext()),
  name: s.name,
  kind: s.kind + 1, // the SDK counts from 0, OTLP from 1
  start: nanos(s.startTime),
  end: nanos(s.endTime),
  attributes: attributes(s.attributes),
  events: s.events.map((e) => ({ name: e.name, time: nanos(e.time), attributes: attributes(e.attributes) })),
  links: s.links.map((link) => ({
    trace_id: link.context.traceId,
    span_id: link.context.spanId,
    attributes: attributes(link.attributes),
  })),
  status: { code: s.status.code, message: s.status.message ?? '' },
});

export const log = (r) => ({
  resource: attributes(r.resource.attributes),
  scope: scope(r.instrumentationScope),
  time: nanos(r.hrTime),
  observed: nanos(r.hrTimeObserved),
  severity: r.severityNumber ?? 0,
  severity_text: r.severityText ?? '',
  body: value(r.body),
  attributes: attributes(r.attributes),
  trace_id: r.spanContext?.traceId ?? '',
  span_id: r.spanContext?.spanId ?? '',
  event_name: r.eventName ?? '',
});

/** One entry for each data point. */
export const points = (data) =>
  data.scopeMetrics.flatMap((sm) =>
    sm.metrics.flatMap((m) =>
      m.dataPoints.map((p) => ({
        resource: attributes(data.resource.attributes),
        scope: scope(sm.scope),
        name: m.descriptor.name,
        description: m.descriptor.description,
        unit: m.descriptor.unit,
        ...shape(m),
        ...point(m, p),
      })),
    ),
  );

// DataPointType: 0 histogram, 1 exponential histogram, 2 gauge, 3 sum. AggregationTemporality counts from 0, OTLP from 1.
function shape(m) {
  const temporality = m.aggregationTemporality + 1;
  if (m.dataPointType === 2) return { type: 'gauge' };
  if (m.dataPointType === 3) return { type: 'sum', temporality, monotonic: m.isMonotonic };
  return { type: m.dataPointType === 0 ? 'histogram' : 'exponential_histogram', temporality };
}

function point(m, p) {
  const entry = { attributes: attributes(p.attributes), start: nanos(p.startTime), time: nanos(p.endTime) };
  if (m.dataPointType >= 2) return { ...entry, value: value(p.value) };
  const { count, sum, min, max } = p.value;
  const summary = { ...entry, count, sum: double(sum), min: double(min), max: double(max) };
  if (m.dataPointType === 0) {
    return { ...summary, bounds: p.value.buckets.boundaries.map(double), buckets: p.value.buckets.counts };
  }
  const { scale, zeroCount, positive, negative } = p.value;
  return {
    ...summary,
    scale,
    zero_count: zeroCount,
    positive: { offset: positive.offset, counts: positive.bucketCounts },
    negative: { offset: negative.offset, counts: negative.bucketCounts },
  };
}
