// Sends spans, metrics and logs with the official JavaScript SDK and prints what it sent as JSON.
//
// usage: node send.mjs grpc|proto|json ENDPOINT none|gzip

import { context, diag, DiagLogLevel, SpanKind, SpanStatusCode, trace, ValueType } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import * as canonical from './canonical.mjs';

const [protocol, endpoint, compression] = process.argv.slice(2);
const packageSuffix = { grpc: 'grpc', proto: 'proto', json: 'http' }[protocol];
const sent = { traces: [], metrics: [], logs: [] };
const refused = [];
const resource = resourceFromAttributes({
  'service.name': 'js-shop',
  'deployment.environment.name': 'test',
  replica: 3,
});

diag.setLogger({ ...console, info() {}, debug() {}, verbose() {}, warn: console.error }, DiagLogLevel.WARN);

/** The OTLP exporter of one signal, noting what it is given to export and was told is safe. */
async function exporter(signal, packageSignal, className, read) {
  const module = await import(`@opentelemetry/exporter-${packageSignal}-otlp-${packageSuffix}`);
  const url = protocol === 'grpc' ? endpoint : `${endpoint}/v1/${signal}`;
  const made = new module[className]({ url, compression, timeoutMillis: 20_000 });
  const send = made.export.bind(made);
  made.export = (batch, done) => {
    const items = read(batch);
    send(batch, (result) => {
      if (result.code === 0) sent[signal].push(...items);
      else refused.push(`${signal}: ${result.error}`);
      done(result);
    });
  };
  return made;
}

async function sendTraces() {
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: [
      new BatchSpanProcessor(await exporter('traces', 'trace', 'OTLPTraceExporter', (b) => b.map(canonical.span))),
    ],
  });
  const tracer = provider.getTracer('shop.orders', '1.2.3');
  const elsewhere = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
  };
  const remote = trace.setSpanContext(context.active(), elsewhere);
  const server = tracer.startSpan(
    'POST /orders',
    {
      kind: SpanKind.SERVER,
      links: [{ context: elsewhere, attributes: { 'link.reason': 'retry' } }],
      attributes: {
        text: 'größe ✓',
        empty: '',
        int: -4_294_967_297,
        float: 2.5,
        bool: false,
        strings: ['a', 'b'],
        ints: [1, 2, 3],
        floats: [0.5, 1.25e-300],
        bools: [true, false],
      },
    },
    remote,
  );
  server.addEvent('reserved', { sku: 'A-1', left: 0 });
  const client = tracer.startSpan('charge', { kind: SpanKind.CLIENT }, trace.setSpan(context.active(), server));
  client.recordException(new Error('card declined'));
  client.setStatus({ code: SpanStatusCode.ERROR, message: 'card declined' });
  client.end();
  server.setStatus({ code: SpanStatusCode.OK });
  server.end();
  for (let number = 0; number < 300; number++) {
    tracer.startSpan('tick', { kind: SpanKind.CONSUMER, attributes: { number } }).end();
  }
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendMetrics() {
  const provider = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: await exporter('metrics', 'metrics', 'OTLPMetricExporter', canonical.points),
        exportIntervalMillis: 600_000,
      }),
    ],
    views: [{ instrumentName: 'order.value', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter('shop.metrics', '4.5');
  meter.createCounter('orders', { unit: '{order}', description: 'Orders taken', valueType: ValueType.INT }).add(3, { plan: 'gold' });
  meter.createCounter('revenue', { unit: 'EUR' }).add(1.5, { plan: 'größe' });
  meter.createUpDownCounter('queue.size', { valueType: ValueType.INT }).add(-4, { queue: 'mail' });
  meter.createGauge('room.temperature', { unit: 'Cel' }).record(-3.25);
  const duration = meter.createHistogram('http.server.request.duration', { unit: 's' });
  const value = meter.createHistogram('order.value', { unit: 'EUR' });
  for (let number = 1; number < 50; number++) {
    duration.record(number * 0.007, { 'http.route': '/orders', 'http.response.status_code': 200 });
    value.record(number * 1.75);
  }
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendLogs() {
  const provider = new LoggerProvider({
    resource,
    processors: [
      new BatchLogRecordProcessor({
        exporter: await exporter('logs', 'logs', 'OTLPLogExporter', (b) => b.map(canonical.log)),
      }),
    ],
  });
  const logger = provider.getLogger('shop.log', '7');
  logger.emit({
    timestamp: [1_700_000_000, 123_456_789],
    observedTimestamp: [1_700_000_001, 1],
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    body: { nested: { list: [1, 'two', 2.5, true], raw: new Uint8Array([0, 255]) }, text: 'x' },
    attributes: { 'user.id': 'u-1', attempt: 2 },
    eventName: 'stock.low',
  });
  for (let number = 0; number < 40; number++) {
    logger.emit({ severityNumber: SeverityNumber.INFO, body: `line ${number}` });
  }
  await provider.forceFlush();
  await provider.shutdown();
}

await sendTraces();
await sendMetrics();
await sendLogs();
if (refused.length > 0) {
  console.error(`the agent did not take: ${refused}`);
  process.exit(1);
}
process.stdout.write(JSON.stringify(sent));
