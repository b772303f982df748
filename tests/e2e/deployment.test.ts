/**
 * The deployment files. Where no container engine is at hand they cannot be started, so they are read: what they refer
 * to exists, what they set is understood. And the roles are started with their commands and environment as plain
 * processes, on a real PostgreSQL and Redis.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../cli/postgres/embeddedPostgres.ts';
import { readEnv } from '../../shared/env.ts';
import { METRIC_NAMES } from '../../shared/telemetry/catalogue.ts';
import { createClient } from '../support/client.ts';
import { spawnProgram } from '../support/processes.ts';
import type { Spawned } from '../support/processes.ts';
import { backends, createStores } from '../support/stores.ts';
import type { Stores } from '../support/stores.ts';
import { until } from '../support/waiting.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

interface ComposeService {
  image?: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  secrets?: string[];
  depends_on?: Record<string, unknown> | string[];
  healthcheck?: { test?: string[]; disable?: boolean };
  restart?: string;
  profiles?: string[];
  deploy?: { resources: { limits: { cpus: string; memory: string } } };
}
interface Compose {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { environment: string }>;
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ROLES = ['migrate', 'api', 'worker'] as const;

/** What compose makes of a value: the variable, its default, or a refusal where neither is there. */
function substitute(value: string, given: Record<string, string>): string {
  return value.replace(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_all: string, name: string, how: string | undefined, text: string | undefined): string => {
      const known = given[name];
      if (known !== undefined && known !== '') return known;
      if (how === '?') throw new Error(`${name}: ${text ?? ''}`);
      return text ?? '';
    },
  );
}

const SECRETS = {
  POSTGRES_PASSWORD: 'secret',
  SESSION_SECRET: 'sixteen characters or more',
  BANK_PASS: 'the-bank-password',
  OPERATOR_PASS: 'the-operator-password',
};
const environmentOf = (role: string, given: Record<string, string> = SECRETS) =>
  Object.fromEntries(
    Object.entries(compose.services[role]?.environment ?? {}).map(([name, value]) => [
      name,
      substitute(String(value), given),
    ]),
  );

describe('docker-compose.yml', () => {
  test.each(services)('%s: what it mounts is there, or is a volume', (_name, { volumes = [] }) => {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      expect(source.startsWith('.') ? existsSync(path.join(ROOT, source)) : source in compose.volumes, source).toBe(
        true,
      );
    }
  });

  test.each(services)('%s: has limits, a restart policy, and waits for services that exist', (name, service) => {
    const { cpus, memory } = service.deploy?.resources.limits ?? {};
    expect([cpus, memory]).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+[MG]$/)]);
    expect(service.restart).toBe(name === 'migrate' ? 'no' : 'unless-stopped');
    const waitsFor = Array.isArray(service.depends_on) ? service.depends_on : Object.keys(service.depends_on ?? {});
    expect(waitsFor.filter((other) => !(other in compose.services))).toEqual([]);
  });

  test('publishes the API and Grafana, on loopback, and nothing else', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port] as const));
    expect(published.map(([name]) => name)).toEqual(['api', 'grafana']);
    for (const [, port] of published) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('Prometheus and Grafana run only where they are asked for', () => {
    const optional = services.filter(([, { profiles }]) => profiles).map(([name]) => name);
    expect(optional).toEqual(['prometheus', 'grafana']);
  });

  test.each(ROLES)('%s: runs a file that the image has, with variables that the service knows', (role) => {
    const [file = ''] = compose.services[role]?.command ?? [];
    expect(existsSync(path.join(ROOT, file)), file).toBe(true);
    const environment = environmentOf(role);
    expect(readEnv(environment)).toMatchObject({ CURRENCY: 'RUB', PARTITIONS: 4 });
    const known = new Set(Object.keys(readEnv({ ...environment, ...SAMPLE })));
    expect(Object.keys(environment).filter((name) => environment[name] !== '' && !known.has(name))).toEqual([]);
  });

  test.each(['POSTGRES_PASSWORD', 'SESSION_SECRET', 'BANK_PASS', 'OPERATOR_PASS'] as const)(
    'does not start the API without %s',
    (missing) => {
      expect(() => environmentOf('api', { ...SECRETS, [missing]: '' })).toThrow(missing);
    },
  );
});

const VERSION = (JSON.parse(read('package.json')) as { version: string }).version;

/** A value for each variable that has no default, so that it shows among the known ones. */
const SAMPLE = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

describe('Dockerfile', () => {
  const lines = read('Dockerfile')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));

  test('copies what is there, and what .dockerignore lets through', () => {
    const allowed = new Set(
      read('.dockerignore')
        .split('\n')
        .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : [])),
    );
    for (const source of copied) {
      expect(existsSync(path.join(ROOT, source)), source).toBe(true);
      expect(allowed.has(source), source).toBe(true);
    }
  });

  test('runs as a user without rights, with a health check, and without what only development needs', () => {
    const final = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    expect(final).toContain('USER node');
    expect(final.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true);
    expect(lines.some((line) => line.includes('npm prune --omit=dev'))).toBe(true);
  });
});

interface Rule {
  alert: string;
  annotations: { summary: string; action: string; runbook_url: string };
}
const { groups } = parse(read('deploy/prometheus/rules.yml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

describe('Prometheus and Grafana', () => {
  const KNOWN = [...METRIC_NAMES, 'saldo_books_sound', 'saldo_books_verified_timestamp_seconds'];
  const namesIn = (text: string) =>
    [...text.matchAll(/\bsaldo_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));

  test.each([['deploy/prometheus/rules.yml'], ['deploy/grafana/dashboards/saldo.json']])(
    '%s asks for metrics that exist',
    (file) => {
      const names = namesIn(read(file));
      expect(names.length).toBeGreaterThan(5);
      expect(names.filter((name) => !KNOWN.includes(name))).toEqual([]);
    },
  );

  test('there is a rule for age, growth, failed envelopes and the books, each with what to do', () => {
    const alerts = rules.map(({ alert }) => alert);
    for (const needed of ['OldestEnvelopeWaiting', 'PendingGrows', 'FailedEnvelopes', 'BooksNotClean']) {
      expect(alerts).toContain(`Saldo${needed}`);
    }
    expect(rules.filter(({ annotations }) => !annotations.summary || !annotations.action)).toEqual([]);
  });

  test('every rule leads to its section of the runbook', () => {
    const runbook = read('docs/OPERATIONS.md');
    expect(read('README.md')).toContain('](docs/OPERATIONS.md)');
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook_url).toBe(`http://127.0.0.1:5000/ops/runbook#${alert.toLowerCase()}`);
      expect(runbook).toMatch(new RegExp(`^### ${alert}\\n\\n\\S`, 'm'));
    }
  });

  test('Prometheus reads the rules and the secrets from where compose puts them', () => {
    const text = read('deploy/prometheus/prometheus.yml');
    const { rule_files: files } = parse(text) as { rule_files: string[] };
    const mounted = compose.services['prometheus']?.volumes?.map((volume) => volume.split(':')[1]) ?? [];
    expect(files.filter((file) => !mounted.includes(file))).toEqual([]);
    expect(text).toContain('/run/secrets/operator_pass');
  });

  test('Grafana’s password is its own, and nobody needs one where it does not run', () => {
    const { environment = {}, secrets = [] } = compose.services['grafana'] ?? {};
    expect(environment['GF_SECURITY_ADMIN_PASSWORD__FILE']).toBe(`/run/secrets/${secrets.join()}`);
    expect(secrets.map((name) => compose.secrets[name]?.environment)).toEqual(['GRAFANA_PASS']);
    expect(JSON.stringify(environment)).not.toMatch(/OPERATOR|\$\{/);
  });

  test('Grafana’s dashboard draws from the data source that is provisioned', () => {
    const dashboard = JSON.parse(read('deploy/grafana/dashboards/saldo.json')) as {
      panels: { datasource: { uid: string } }[];
    };
    const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: { uid: string }[];
    };
    const uids = new Set(dashboard.panels.map(({ datasource }) => datasource.uid));
    expect([...uids]).toEqual(datasources.map(({ uid }) => uid));
  });
});

// The composition puts the queues on Redis; without a redis-server it is tried on PostgreSQL.
describe('the roles of the composition, as plain processes', () => {
  let stores: Stores;
  const running: Spawned[] = [];

  beforeAll(async () => {
    stores = await createStores(backends.at(-1)!, { empty: true });
  });
  afterAll(async () => {
    for (const process of running.reverse()) expect((await process.stop()).code).toBe(0);
    await stores.drop();
  });

  test('migrate, then serve a customer, and say so to the health check and to Prometheus', async () => {
    const port = await freePort();
    const places = { DATABASE_URL: stores.databaseUrl, REDIS_URL: stores.redisUrl ?? '', NODE_ENV: 'production' };
    const start = (role: (typeof ROLES)[number]) => {
      const environment = { ...environmentOf(role), ...places, ...(role === 'api' && { PORT: String(port) }) };
      const [file = ''] = compose.services[role]?.command ?? [];
      return spawnProgram(file, { env: environment });
    };
    const migrated = start('migrate');
    expect((await migrated.exited).code, migrated.output()).toBe(0);
    running.push(start('worker'), start('api'));

    const client = createClient(`http://127.0.0.1:${port}`);
    await until('ready', async () => (await client.get('/readyz').catch(() => undefined))?.status === 200, 30_000);
    const [command = '', ...args] = compose.services['api']?.healthcheck?.test?.slice(1) ?? [];
    const onPort = args.map((arg) => arg.replaceAll('5000', String(port)));
    await promisify(execFile)(command, onPort);

    const described = await client.get('/openapi.json');
    expect([described.status, (described.json['info'] as { version: string }).version]).toEqual([200, VERSION]);
    const account = { name: 'Ada', email: 'ada@example.com', password: 'Pa$$w0rd' };
    const { json } = await client.post('/api/signup', account);
    const bank = basic('bank@saldo.localhost', SECRETS.BANK_PASS);
    const body = { wallet_id: json['wallet_id'], amount: 5 };
    expect((await client.post('/api/external_to_wallet', body, bank)).json['balance']).toBe(5);
    const operator = basic('operator@saldo.localhost', SECRETS.OPERATOR_PASS);
    expect((await client.get('/metrics', operator)).text).toContain('saldo_http_request_duration_seconds_count');
    const runbook = await client.get('/ops/runbook', operator);
    for (const { annotations } of rules) {
      const { hash, pathname } = new URL(annotations.runbook_url);
      expect([pathname, runbook.text]).toEqual(['/ops/runbook', expect.stringContaining(`id="${hash.slice(1)}"`)]);
    }
    client.close();
  });
});

function basic(email: string, password: string) {
  return { Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}` };
}
