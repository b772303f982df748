/**
 * Style and script files of the console, from this folder and from packages, read and compressed once. Their URLs carry
 * the hash of what is in them, so that a browser may keep them and still never mixes two versions.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';
import { Fault } from '../../shared/errors/fault.ts';
import type { Endpoint } from '../endpoint.ts';

const require = createRequire(import.meta.url);

const CSS = 'text/css; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const own = (file: string) => join(import.meta.dirname, 'assets', file);

const FILES: Record<string, { location: string; type: string }> = {
  'uplot.css': { location: require.resolve('uplot/dist/uPlot.min.css'), type: CSS },
  'uplot.js': { location: require.resolve('uplot/dist/uPlot.iife.min.js'), type: JAVASCRIPT },
  'console.css': { location: own('console.css'), type: CSS },
  'overview.js': { location: own('overview.js'), type: JAVASCRIPT },
  'books.js': { location: own('books.js'), type: JAVASCRIPT },
  'board.css': { location: own('board.css'), type: CSS },
  'board.js': { location: own('board.js'), type: JAVASCRIPT },
};
/** A year, the longest that RFC 9111 speaks of; another content has another URL. */
const CACHED_S = 31_536_000;

interface Asset {
  type: string;
  url: string;
  plain: Buffer;
  gzipped: Buffer;
}

const ASSETS = new Map(
  Object.entries(FILES).map(([name, { location, type }]): [string, Asset] => {
    const plain = readFileSync(location);
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 12);
    return [name, { type, url: `/ops/assets/${name}?v=${hash}`, plain, gzipped: compress(plain) }];
  }),
);

export function consoleAssetUrl(name: string): string {
  const asset = ASSETS.get(name);
  if (!asset) throw new Fault(`no asset ${name}`);
  return asset.url;
}

/** Below the console's own path. */
export function createConsoleAssets(): Endpoint[] {
  return [...ASSETS].map(([name, { type, plain, gzipped }]) => ({
    method: 'get',
    path: `/assets/${name}`,
    handler: (req, res) => {
      // Private: a cache in between would hand out what only operators may have.
      res.setHeader('Cache-Control', `private, max-age=${CACHED_S}, immutable`);
      sendCompressible(req, res, { type, plain, gzipped });
    },
  }));
}

/** Sends what has been compressed beforehand, to whoever can take it so. */
export function sendCompressible(req: Request, res: Response, body: Pick<Asset, 'type' | 'plain' | 'gzipped'>): void {
  const isGzip = req.acceptsEncodings('gzip') === 'gzip';
  const bytes = isGzip ? body.gzipped : body.plain;
  res.setHeader('Content-Type', body.type);
  res.setHeader('Vary', 'Accept-Encoding');
  if (isGzip) res.setHeader('Content-Encoding', 'gzip');
  res.setHeader('Content-Length', bytes.length);
  res.end(bytes);
}

export function compress(bytes: Buffer): Buffer {
  return gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
}
