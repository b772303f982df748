/** Traces, if there is somebody to send them to. Until then OpenTelemetry is not even loaded. */
import type { Env } from '../env.ts';
import type { Logger } from '../logger.ts';
import type { SampleRole } from './sample.ts';
import type { Tracing } from './tracing.ts';

/** Undefined when no collector is configured. */
export async function openTracing(
  env: Pick<Env, 'OTEL_EXPORTER_OTLP_ENDPOINT'>,
  role: SampleRole,
  logger: Logger,
): Promise<Tracing | undefined> {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  const { createTracing } = await import('./otel.ts');
  return createTracing(role, logger);
}
