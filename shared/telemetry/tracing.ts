/**
 * Traces, as the rest of the service sees them: a request's span, the envelope that carries its command, the apply in
 * a worker, the commit. `otel.ts` makes them with OpenTelemetry and is loaded only when there is somebody to send them
 * to; without, `Tracing` is undefined everywhere and nothing is asked twice.
 *
 *     request ◀──link── envelope ──parent──▶ apply ──parent──▶ commit
 *     request ◀──link──┘    the first request is also its parent, so that a lone one is one trace from end to end
 *
 * Nothing follows the asynchronous context: a command names its request by id, and the trace context travels in the
 * envelope.
 */
import type { Decision, decide } from '../ledger/decide.ts';
import type { Envelope, EnvelopeId } from '../queue/contracts.ts';
import type { LedgerQueue } from '../queue/ledgerQueue.ts';

interface TracedRequest {
  requestId: string;
  method: string;
  /** Of the client, if it traces too. */
  traceparent: string | undefined;
}

/** One try at a transaction. It is given `decide`, so that whoever watches knows when it was called. */
export type Transact = (decider?: typeof decide) => Promise<Decision>;
export type WatchTransaction = (transact: Transact) => Promise<Decision>;

export interface Tracing {
  /** Returns what to call once the request is over, with the pattern of its route and the status of its answer. */
  startRequest: (request: TracedRequest) => (route: string, status: number) => void;
  /** `send` is given the envelope with the trace context in it. */
  sendEnvelope: (id: EnvelopeId, envelope: Envelope, send: (envelope: Envelope) => Promise<void>) => Promise<void>;
  applyEnvelope: (id: EnvelopeId, data: unknown, apply: (watch: WatchTransaction) => Promise<void>) => Promise<void>;
  /** Sends what has not been sent yet, within two seconds. */
  close: () => Promise<void>;
}

export function traceQueue(queue: LedgerQueue, tracing: Tracing | undefined): LedgerQueue {
  if (!tracing) return queue;
  return {
    ...queue,
    add: (jobId, envelope, options) =>
      tracing.sendEnvelope({ partition: queue.partition, jobId }, envelope, (traced) =>
        queue.add(jobId, traced, options),
      ),
  };
}
