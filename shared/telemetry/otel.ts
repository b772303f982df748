/**
 * The traces of `tracing.ts` with OpenTelemetry, sent as OTLP over HTTP. Where to, how many and how often is read by the
 * SDK itself from its standard variables (OTEL_EXPORTER_OTLP_…, OTEL_TRACES_SAMPLER, OTEL_BSP_…).
 *
 * Import this file dynamically: it loads the SDK.
 */
import { hostname } from 'node:os';
import { DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, diag, trace } from '@opentelemetry/api';
import type { Context, Link, Span, SpanContext, Tracer } from '@opentelemetry/api';
import { parseTraceParent, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { LRUCache } from 'lru-cache';
import { decide } from '../ledger/decide.ts';
import { describeError } from '../errors/describeError.ts';
import { createHealthLog } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { MAX_ENVELOPE_COMMANDS } from '../queue/contracts.ts';
import type { Envelope, EnvelopeId } from '../queue/contracts.ts';
import { withDeadline } from '../time.ts';
import type { SampleRole } from './sample.ts';
import type { Tracing, WatchTransaction } from './tracing.ts';

/** Requests whose spans can still be found by their id: as many commands may wait in one process, and twice that. */
const MAX_REMEMBERED = 20_000;
const CLOSE_DEADLINE_MS = 2_000;

export function createTracing(role: SampleRole, logger: Logger): Tracing {
  const health = createHealthLog(logger, 'trace collector');
  // Told as the error that it is, before the SDK makes a text of everything in it, the collector's answer too.
  setGlobalErrorHandler(health.down);
  const report = (message: string) => health.down(new Error(message));
  const quiet = () => undefined;
  diag.setLogger({ error: report, warn: quiet, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.ERROR);
  const instance = `${hostname()}-${process.pid}`;
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': `saldo-${role}`, 'service.instance.id': instance }))
      .merge(detectResources({ detectors: [envDetector] })),
    // Every command of an envelope may be of another trace.
    spanLimits: { linkCountLimit: MAX_ENVELOPE_COMMANDS },
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('saldo');
  return {
    ...createRequestTracing(tracer),
    applyEnvelope: createApplyTracing(tracer),
    close: () => withDeadline(provider.shutdown(), CLOSE_DEADLINE_MS, 'the collector is slow').catch(() => undefined),
  };
}

interface Remembered {
  context: SpanContext;
  /** Until it has ended. */
  span: Span | undefined;
}

function createRequestTracing(tracer: Tracer): Pick<Tracing, 'startRequest' | 'sendEnvelope'> {
  const requests = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED });

  const startRequest: Tracing['startRequest'] = ({ requestId, method, traceparent }) => {
    const attributes = { 'http.request.method': method, 'saldo.request_id': requestId };
    const options = { kind: SpanKind.SERVER, attributes };
    const span = tracer.startSpan(method, options, within(readTraceparent(traceparent)));
    const remembered: Remembered = { context: span.spanContext(), span };
    requests.set(requestId, remembered);
    return (route, status) => {
      remembered.span = undefined;
      span.updateName(`${method} ${route}`);
      span.setAttributes({ 'http.route': route, 'http.response.status_code': status });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
  };

  const sendEnvelope: Tracing['sendEnvelope'] = async (id, envelope, send) => {
    const links: Link[] = [];
    let parent: SpanContext | undefined;
    const commands = envelope.commands.map((command) => {
      const request = requests.get(command.requestId);
      // Of requests that are not recorded only the fact is passed on, so that the envelope is not recorded for them.
      parent ??= request?.context;
      if (!request || !isSampled(request.context)) return command;
      const { context, span } = request;
      if (links.length === 0) parent = context;
      links.push({ context, attributes: { 'saldo.request_id': command.requestId, 'saldo.operation_id': command.id } });
      span?.setAttribute('saldo.operation_id', command.id);
      return { ...command, traceparent: writeTraceparent(context) };
    });
    const attributes = { ...describe(id), 'saldo.commands': commands.length };
    const span = tracer.startSpan('envelope', { kind: SpanKind.PRODUCER, attributes, links }, within(parent));
    const traceparent = writeTraceparent(span.spanContext());
    await during(span, () => send({ ...envelope, commands, traceparent }));
  };

  return { startRequest, sendEnvelope };
}

function createApplyTracing(tracer: Tracer): Tracing['applyEnvelope'] {
  return async (id, data, apply) => {
    const envelope = (typeof data === 'object' && data !== null ? data : {}) as Partial<Envelope>;
    const commands = Array.isArray(envelope.commands) ? envelope.commands : [];
    const links = commands.flatMap((command): Link[] => {
      const context = readTraceparent((command as { traceparent?: unknown } | null)?.traceparent);
      return context ? [{ context, attributes: { 'saldo.operation_id': command.id } }] : [];
    });
    const attributes = { ...describe(id), 'saldo.commands': commands.length };
    const options = { kind: SpanKind.CONSUMER, attributes, links };
    const span = tracer.startSpan('apply', options, within(readTraceparent(envelope.traceparent)));
    const counts = { applied: 0, rejected: 0 };
    await during(span, () => apply(watchTransactions(tracer, span, counts)));
  };
}

/** Tries that fail are events of the apply's span; what is decided has a span until it is committed. */
function watchTransactions(
  tracer: Tracer,
  apply: Span,
  counts: Record<'applied' | 'rejected', number>,
): WatchTransaction {
  const context = trace.setSpan(ROOT_CONTEXT, apply);
  return async (transact) => {
    let commit: Span | undefined;
    const decider: typeof decide = (...given) => {
      const decision = decide(...given);
      if (decision.outcomes.length > 0) commit = tracer.startSpan('commit', {}, context);
      return decision;
    };
    try {
      const decision = await transact(decider);
      for (const { status } of decision.outcomes) counts[status] += 1;
      apply.setAttributes({ 'saldo.applied': counts.applied, 'saldo.rejected': counts.rejected });
      return decision;
    } catch (error) {
      recordException(apply, error);
      commit?.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      commit?.end();
    }
  };
}

function describe({ partition, jobId }: EnvelopeId): Record<string, string | number> {
  return { 'saldo.partition': partition, 'saldo.envelope_id': jobId };
}

/** Ends the span with the work, and says in it what the work failed of. */
async function during(span: Span, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    recordException(span, error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Spans leave the house: what they say of an error is what a log may say. */
function recordException(span: Span, error: unknown): void {
  const { type, message, code, stack = '' } = describeError(error);
  span.recordException({ name: type, message, stack, ...(typeof code === 'string' && { code }) });
}

function within(parent: SpanContext | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & 1) === 1;
}

/** W3C Trace Context, version 00. */
function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 1).toString().padStart(2, '0')}`;
}

/** Undefined for what is none: it comes from outside. */
function readTraceparent(text: unknown): SpanContext | undefined {
  return (typeof text === 'string' && parseTraceParent(text)) || undefined;
}
