/** An envelope's handling as it is watched: how long it took and how it ended, and its spans while traces are on. */
import type { Logger } from '../../shared/logger.ts';
import { UnreadableEnvelopeError } from '../../shared/queue/ledgerQueue.ts';
import type { EnvelopeId } from '../../shared/queue/contracts.ts';
import type { Tracing, WatchTransaction } from '../../shared/telemetry/tracing.ts';
import type { EnvelopeResult, Metrics } from '../metrics.ts';

interface WatchDeps {
  logger: Logger;
  metrics: Pick<Metrics, 'onEnvelope' | 'onDecision'>;
  tracing: Tracing | undefined;
  /** `watch` is put around each try at a transaction. */
  apply: (watch: WatchTransaction, id: EnvelopeId, data: unknown) => Promise<void>;
}

/** How many commands this attempt has decided, and how: for the operators' board, which shows it with the envelope. */
interface Tally {
  applied: number;
  rejected: number;
}

/** Does what `apply` does, tells the metrics and the traces, and answers what it came to. */
export function createWatchedApply({ metrics, tracing, logger, apply }: WatchDeps) {
  const count = async (transacting: ReturnType<WatchTransaction>, tally: Tally, { partition, jobId }: EnvelopeId) => {
    const decision = await transacting;
    metrics.onDecision(decision);
    for (const { status } of decision.outcomes) tally[status]++;
    if (logger.isLevelEnabled('debug')) {
      const operation_ids = decision.outcomes.map(({ command }) => command.id);
      logger.debug({ envelope_id: jobId, partition, operation_ids }, 'decided and committed');
    }
    return decision;
  };
  const applyTraced = (id: EnvelopeId, data: unknown, tally: Tally) => {
    if (!tracing) return apply((transact) => count(transact(), tally, id), id, data);
    return tracing.applyEnvelope(id, data, (watch) => apply((transact) => count(watch(transact), tally, id), id, data));
  };
  return async (partition: number, jobId: string, data: unknown): Promise<Tally> => {
    const startedMs = performance.now();
    const tally: Tally = { applied: 0, rejected: 0 };
    const tell = (result: EnvelopeResult) => metrics.onEnvelope(partition, result, performance.now() - startedMs);
    try {
      await applyTraced({ partition, jobId }, data, tally);
    } catch (error) {
      tell(error instanceof UnreadableEnvelopeError ? 'unreadable' : 'failed');
      throw error;
    }
    tell('applied');
    return tally;
  };
}
