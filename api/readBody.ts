/** Request bodies: JSON for the API, forms for the pages, in UTF-8 and nothing else, and not larger than they need be. */
import { isUtf8 } from 'node:buffer';
import type { Request, RequestHandler, Response } from 'express';
import express from 'express';
import { Problem } from './problem.ts';

const LIMIT = '100kb';
const BULK_LIMIT = '1mb';
const MAX_FORM_FIELDS = 20;
const REPLACEMENT = '\uFFFD';

export type ReadBody = (req: Request, res: Response) => Promise<unknown>;

/** A missing body reads as an empty object, so that the answer names the fields it lacks. */
export function createJsonReader(): ReadBody {
  const parse = express.json({ limit: LIMIT, strict: false, type: () => true, verify: requireUtf8 });
  return async (req, res) => {
    if (!hasBody(req)) return {};
    requireType(req, 'application/json');
    await run(parse, req, res);
    return req.body as unknown;
  };
}

export function createFormReader(): ReadBody {
  const parse = express.urlencoded({
    extended: false,
    limit: LIMIT,
    parameterLimit: MAX_FORM_FIELDS,
    type: () => true,
  });
  return async (req, res) => {
    if (!hasBody(req)) return {};
    requireType(req, 'application/x-www-form-urlencoded');
    await run(parse, req, res);
    // Decoding has put this in the place of bytes that are not UTF-8.
    if (JSON.stringify(req.body).includes(REPLACEMENT)) throw new Problem('invalid_request');
    return req.body as unknown;
  };
}

/** What a line of NDJSON that is not JSON is read as. JSON itself has no such value. */
export const MALFORMED_LINE = Symbol('malformed line');

/**
 * A list, as JSON (`{"items": […]}`, or the bare array) or as NDJSON, one item a line, where a line that is not JSON
 * spoils no other. Always answers the object.
 */
export function createBulkReader(): ReadBody {
  const parseJson = express.json({ limit: BULK_LIMIT, strict: false, type: () => true, verify: requireUtf8 });
  const parseText = express.text({ limit: BULK_LIMIT, type: () => true, verify: requireUtf8 });
  return async (req, res) => {
    if (!hasBody(req)) return {};
    const isLines = isNdjson(req);
    requireType(req, isLines ? NDJSON : 'application/json');
    await run(isLines ? parseText : parseJson, req, res);
    const body = isLines ? parseLines(req.body as string) : (req.body as unknown);
    return Array.isArray(body) ? { items: body as unknown[] } : body;
  };
}

export const NDJSON = 'application/x-ndjson';

export function isNdjson(req: Request): boolean {
  return req.headers['content-type']?.toLowerCase().startsWith(NDJSON) ?? false;
}

function parseLines(text: string): unknown[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.map((line) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      return MALFORMED_LINE;
    }
  });
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';
}

/** Exactly one `Content-Type`, of this type, whose charset, if it has one, is UTF-8. Throws `unsupported_media_type`. */
function requireType(req: Request, expected: string): void {
  const given = req.headersDistinct['content-type'] ?? [];
  const [type, ...parameters] = (given[0] ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (given.length === 1 && type === expected && (!charset || /^charset="?utf-?8"?$/.test(charset))) return;
  throw new Problem('unsupported_media_type');
}

/** Decoding would replace bytes that are not UTF-8 without a word: a name or a purpose would be stored garbled. */
function requireUtf8(_req: unknown, _res: unknown, bytes: Buffer): void {
  if (!isUtf8(bytes))
    throw new Problem('malformed_json', { detail: 'The body is not valid UTF-8. Nothing was changed.' });
}

function run(parse: RequestHandler, req: Request, res: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    void parse(req, res, (error?: unknown) => {
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error('a body could not be read', { cause: error }));
    });
  });
}
