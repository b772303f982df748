/**
 * Request bodies: JSON for the API, forms for the pages, in UTF-8 and nothing else, and not larger than they need be. None
 * of them holds the event loop for long, whatever is in it.
 */
import { isUtf8 } from 'node:buffer';
import { parse as parseContentType } from 'content-type';
import type { Request, RequestHandler, Response } from 'express';
import express from 'express';
import { Fault } from '../../../shared/errors/fault.ts';
import { parseJson } from './parseJson.ts';
import { Problem, attempt } from '../problem.ts';
import type { MapInSlices } from './slices.ts';

const LIMIT = '100kb';
const BULK_LIMIT = '1mb';
/** Of a list: a thousand items with all their fields are six thousand values. */
const MAX_LIST_VALUES = 20_000;
const MAX_LINE_VALUES = 100;
const MAX_FORM_FIELDS = 20;
const REPLACEMENT = '\uFFFD';

export const NDJSON = 'application/x-ndjson';

export type ReadBody = (req: Request, res: Response) => Promise<unknown>;

/** A missing body reads as an empty object, so that the answer names the fields it lacks. */
export function createJsonReader(): ReadBody {
  const readText = createTextReader(LIMIT);
  return async (req, res) => {
    if (!hasBody(req)) return {};
    requireType(req, 'application/json');
    const text = await readText(req, res);
    return text === '' ? {} : parseJson(text);
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

/**
 * A list, as JSON (`{"items": […]}`, or the bare array) or as NDJSON, one item a line, where a line that is wrong by
 * itself is a `Problem` and spoils no other. Always answers the object. Of more lines than `maxItems` none is parsed.
 */
export function createBulkReader({ maxItems, mapInSlices }: { maxItems: number; mapInSlices: MapInSlices }): ReadBody {
  const readText = createTextReader(BULK_LIMIT);
  const parseLine = (line: string) => attempt(() => parseJson(line, { maxValues: MAX_LINE_VALUES }));
  return async (req, res) => {
    if (!hasBody(req)) return {};
    const isLines = isNdjson(req);
    requireType(req, isLines ? NDJSON : 'application/json');
    const text = await readText(req, res);
    if (isLines) {
      const lines = readLines(text, maxItems);
      return { items: lines.length > maxItems ? lines : await mapInSlices(lines, parseLine) };
    }
    const body = text === '' ? {} : parseJson(text, { maxValues: MAX_LIST_VALUES });
    return Array.isArray(body) ? { items: body as unknown[] } : body;
  };
}

export function isNdjson(req: Request): boolean {
  return typeOf(req) === NDJSON;
}

/** The lines that are not blank: one more than `max` at most, which is enough to see that there are too many. */
function readLines(text: string, max: number): string[] {
  const lines: string[] = [];
  // Blank is what JSON takes for white space.
  for (const [line] of text.matchAll(/[^ \t\r\n][^\n]*/g)) if (lines.push(line) > max) break;
  return lines;
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';
}

function typeOf(req: Request): string {
  return parseContentType(req.headers['content-type'] ?? '').type;
}

/** Exactly one `Content-Type`, of this type, whose charset, if it has one, is UTF-8. Throws `unsupported_media_type`. */
function requireType(req: Request, expected: string): void {
  const given = req.headersDistinct['content-type'] ?? [];
  const { type, parameters } = parseContentType(given[0] ?? '');
  if (given.length === 1 && type === expected && /^utf-?8$/i.test(parameters['charset'] ?? 'utf-8')) return;
  throw new Problem('unsupported_media_type');
}

function createTextReader(limit: string): (req: Request, res: Response) => Promise<string> {
  const read = express.text({ limit, type: () => true, verify: requireUtf8 });
  return async (req, res) => {
    await run(read, req, res);
    return req.body as string;
  };
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
      else reject(error instanceof Error ? error : new Fault('a body could not be read', { cause: error }));
    });
  });
}
