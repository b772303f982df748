/** The other end of OpenTelemetry: a server that takes spans as OTLP/HTTP JSON and keeps them for a test to look at. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  links: { traceId: string; spanId: string; attributes: Attributes }[];
  attributes: Attributes;
  /** Names of what happened in it. */
  events: string[];
  /** As OTLP numbers it: 2 is an error. */
  status: number;
  startMs: number;
  endMs: number;
  service: unknown;
}

type Attributes = Record<string, unknown>;

export interface Collector {
  url: string;
  spans: ReceivedSpan[];
  close: () => Promise<void>;
}

interface OtlpAttribute {
  key: string;
  value: Record<string, unknown>;
}
interface OtlpSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  links?: { traceId: string; spanId: string; attributes: OtlpAttribute[] }[];
  events?: { name: string }[];
  attributes: OtlpAttribute[];
  status: { code: number };
  startTimeUnixNano: string;
  endTimeUnixNano: string;
}
interface OtlpRequest {
  resourceSpans: { resource: { attributes: OtlpAttribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[];
}

/** `onBody` is given every request as it came. */
export async function startCollector(onBody: (body: string) => void = () => undefined): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      onBody(body);
      if (req.method === 'POST' && req.url === '/v1/traces') spans.push(...read(body));
      res.setHeader('Content-Type', 'application/json');
      res.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function read(body: string): ReceivedSpan[] {
  return (JSON.parse(body) as OtlpRequest).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
        links: (span.links ?? []).map((link) => ({ ...link, attributes: toObject(link.attributes) })),
        attributes: toObject(span.attributes),
        events: (span.events ?? []).map(({ name }) => name),
        status: span.status.code,
        startMs: Number(span.startTimeUnixNano) / 1e6,
        endMs: Number(span.endTimeUnixNano) / 1e6,
        service: toObject(resource.attributes)['service.name'],
      })),
    ),
  );
}

/** An attribute's value is in the one field that names its type. */
function toObject(attributes: OtlpAttribute[]): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
