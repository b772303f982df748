/**
 * The files that pages load, all of them from here. Read once, packed once, and named with a hash of what is in them: a
 * browser keeps them for ever and yet has the new ones with the first page after an upgrade.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestHandler } from 'express';
import { Fault } from '../../shared/errors/fault.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { pack, sendPacked } from '../http/packed.ts';

const TYPES = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const;
/** A year, the longest that RFC 9111 speaks of; another content has another URL. */
const KEPT_S = 31_536_000;

interface AssetsOptions {
  /** Where the application that serves them is mounted. */
  base: '' | '/ops';
  /** Where each lies, by a name of our own; nothing else beside it can be reached. */
  files: Readonly<Record<string, string>>;
  /** Private: a cache in between would hand out what only some may have. */
  caching: 'public' | 'private';
}

export interface Assets {
  /** To be mounted at the base. */
  endpoints: Endpoint[];
  /** The address of a path that may be kept for ever. Throws for a file that is not there. */
  url: (path: string) => string;
}

export function createAssets({ base, files, caching }: AssetsOptions): Assets {
  const urls = new Map<string, string>();
  const endpoints = Object.entries(files).map(([name, file]): Endpoint => {
    const content = readFileSync(file);
    const hash = createHash('sha256').update(content).digest('base64url').slice(0, 12);
    const path = `/assets/${name}`;
    urls.set(base + path, `${base}${path}?v=${hash}`);
    return {
      method: 'get',
      path,
      handler: serve(content, { hash, caching, type: TYPES[name.endsWith('.css') ? 'css' : 'js'] }),
    };
  });
  const url = (path: string): string => {
    const known = urls.get(path);
    if (known === undefined) throw new Fault(`no file ${path}`);
    return known;
  };
  return { endpoints, url };
}

function serve(
  content: Buffer,
  { hash, caching, type }: { hash: string; caching: AssetsOptions['caching']; type: string },
): RequestHandler {
  const packed = pack(type, content);
  const etag = `"${hash}"`;
  return (req, res) => {
    const isCurrent = req.query['v'] === hash;
    res.setHeader('Cache-Control', isCurrent ? `${caching}, max-age=${KEPT_S}, immutable` : 'no-cache');
    res.setHeader('ETag', etag);
    if (req.headers['if-none-match'] === etag) {
      res.statusCode = 304;
      res.setHeader('Vary', 'Accept-Encoding');
      res.end();
      return;
    }
    sendPacked(req, res, packed);
  };
}
