/** What many ask for and is the same for all of them: compressed once, and sent so to whoever can take it. */
import { constants, gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';

export interface Packed {
  type: string;
  plain: Buffer;
  gzipped: Buffer;
}

export function pack(type: string, plain: Buffer): Packed {
  return { type, plain, gzipped: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }) };
}

export function sendPacked(req: Request, res: Response, { type, plain, gzipped }: Packed): void {
  const isGzip = req.acceptsEncodings('gzip', 'identity') === 'gzip';
  const bytes = isGzip ? gzipped : plain;
  res.setHeader('Content-Type', type);
  res.setHeader('Vary', 'Accept-Encoding');
  if (isGzip) res.setHeader('Content-Encoding', 'gzip');
  res.setHeader('Content-Length', bytes.length);
  res.end(bytes);
}
