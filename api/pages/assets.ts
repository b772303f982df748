/**
 * The files that pages load, all of them from here. Read once, packed once, and named with a hash of what is in them: a
 * browser keeps them for ever and yet has the new ones with the first page after an upgrade.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Endpoint } from '../endpoint.ts';

const require = createRequire(import.meta.url);
const OWN = join(import.meta.dirname, 'assets');
const TYPES = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const;

/** Under names of our own; nothing else of those packages can be reached. */
const FILES: Record<string, string> = {
  'pico.css': require.resolve('@picocss/pico/css/pico.min.css'),
  'page.js': join(OWN, 'page.js'),
  'wallet.js': join(OWN, 'wallet.js'),
  'saldo.css': join(OWN, 'saldo.css'),
};
const FOR_EVER = 'public, max-age=31536000, immutable';

export interface Assets {
  endpoints: Endpoint[];
  /** The address of `/assets/…` that may be kept for ever; other paths as they are. */
  url: (path: string) => string;
}

export function createAssets(): Assets {
  const urls = new Map<string, string>();
  const endpoints = Object.entries(FILES).map(([name, file]): Endpoint => {
    const content = readFileSync(file);
    const hash = createHash('sha256').update(content).digest('base64url').slice(0, 12);
    const path = `/assets/${name}`;
    urls.set(path, `${path}?v=${hash}`);
    return { method: 'get', path, handler: serve(content, hash, TYPES[name.endsWith('.css') ? 'css' : 'js']) };
  });
  return { endpoints, url: (path) => urls.get(path) ?? path };
}

function serve(content: Buffer, hash: string, type: string): RequestHandler {
  let packing: Promise<Buffer> | undefined;
  const etag = `"${hash}"`;
  return async (req, res) => {
    res.setHeader('Cache-Control', req.query['v'] === hash ? FOR_EVER : 'no-cache');
    res.setHeader('ETag', etag);
    res.setHeader('Vary', 'Accept-Encoding');
    if (req.headers['if-none-match'] === etag) {
      res.statusCode = 304;
      res.end();
      return;
    }
    const isPacked = req.acceptsEncodings('gzip', 'identity') === 'gzip';
    const body = isPacked ? await (packing ??= promisify(gzip)(content, { level: 9 })) : content;
    if (isPacked) res.setHeader('Content-Encoding', 'gzip');
    res.setHeader('Content-Type', type);
    res.setHeader('Content-Length', body.length);
    res.end(body);
  };
}
