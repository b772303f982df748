/**
 * Prisma's schema engine, compiled to WebAssembly, on a live database: what `prisma migrate` would say about it, without
 * the native engine that an install does not bring.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import type { ConstructorOptions, SchemaEngine } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const require = createRequire(import.meta.url);
/** The system catalogues' one-letter type, which the adapter does not know: it passes as text, then gets its own name. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/** The adapter's own helper library, found from the adapter as the adapter finds it. */
const utils = createRequire(require.resolve('@prisma/adapter-pg'))('@prisma/driver-adapter-utils') as {
  bindMigrationAwareSqlAdapterFactory: (factory: PrismaPg) => object;
  ColumnTypeEnum: { Character: 6 };
};

export async function withSchemaEngine<T>(
  databaseUrl: string,
  schema: string,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  const SchemaEngine = await engineLoaded;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => undefined, bind(pool));
  try {
    return await work(engine);
  } finally {
    engine.free();
    await pool.end();
  }
}

/** Prisma's adapter over the pool, taught the type that it does not know. */
function bind(pool: pg.Pool): object {
  const charColumns = new WeakMap<unknown[], number[]>();
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryArrayResult>;
  pool.query = (async (...args: unknown[]) => {
    const result = await query(...args);
    const columns = [...result.fields.keys()].filter((at) => result.fields[at]?.dataTypeID === CHAR_OID);
    for (const at of columns) result.fields[at]!.dataTypeID = TEXT_OID;
    charColumns.set(result.rows, columns);
    return result;
  }) as typeof pool.query;

  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (sql) => {
      const result = await queryRaw(sql);
      for (const at of charColumns.get(result.rows) ?? []) result.columnTypes[at] = utils.ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  };
  return utils.bindMigrationAwareSqlAdapterFactory(factory);
}

interface Bindings {
  __wbg_set_wasm: (exports: Record<string, unknown>) => void;
  SchemaEngine: {
    new: (options: ConstructorOptions, log: () => void, adapter: object) => Promise<SchemaEngine>;
  };
}

interface WebAssemblyLoader {
  instantiate: (
    code: Uint8Array,
    imports: Record<string, unknown>,
  ) => Promise<{ instance: { exports: Record<string, unknown> } }>;
}

/** Node cannot import WebAssembly as a module without a flag, so this is what the package's index would do. */
async function loadEngine(): Promise<Bindings['SchemaEngine']> {
  const loaded = bindings as unknown as Bindings;
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyLoader };
  const file = path.join(path.dirname(require.resolve('@prisma/schema-engine-wasm')), 'schema_engine_bg.wasm');
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': bindings });
  // Where the engine puts its last words before it panics.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message(words: string) {
        throw new Error(words);
      },
    },
  });
  loaded.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return loaded.SchemaEngine;
}

/** Once: the bindings keep the first instance's memory. */
const engineLoaded = loadEngine();
