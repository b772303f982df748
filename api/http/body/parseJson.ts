/**
 * JSON as money needs it: a key that is given twice in one object is refused by name. `JSON.parse` takes the last of them
 * without a word, while whatever has read the body before us, such as a proxy that checks it, may have taken the first.
 */
import { invalidRequest } from '../invalidRequest.ts';
import { Problem } from '../problem.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

interface Options {
  /** A text with more values than this is not even parsed: hundreds of thousands of them take longer than anybody may. */
  maxValues?: number;
}

/** Throws `malformed_json`, or `invalid_request` that names the key. */
export function parseJson(text: string, { maxValues = Infinity }: Options = {}): unknown {
  const { isTooLarge, repeated } = scan(text, maxValues);
  if (isTooLarge) throw invalidRequest([{ path: 'body', message: `must have at most ${maxValues} values` }]);
  const value = parse(text);
  if (repeated !== undefined) throw invalidRequest([{ path: repeated, message: 'is given twice' }]);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Problem('malformed_json');
  }
}

/** An object or a list that is not closed yet. */
interface Open {
  /** Of an object: those that it has so far. */
  keys?: Set<string>;
  /** The key, or the index, of the value that is being read. */
  place: string | number;
}

/** Looks at each character once. Of a text that is not JSON it says something or other, but always ends. */
function scan(text: string, maxValues: number): { isTooLarge: boolean; repeated?: string } {
  const open: Open[] = [];
  let values = 1;
  for (let at = 0; at < text.length && values <= maxValues; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const within = open.at(-1);
        if (within?.keys && isKey(text, end)) {
          const key = readKey(text.slice(at, end + 1));
          within.place = key;
          if (within.keys.has(key)) return { isTooLarge: false, repeated: open.map(({ place }) => place).join('.') };
          within.keys.add(key);
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
        open.push({ keys: new Set(), place: '' });
        values++;
        break;
      case OPEN_LIST:
        open.push({ place: 0 });
        values++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        break;
      case COMMA: {
        const within = open.at(-1);
        if (typeof within?.place === 'number') within.place++;
        values++;
      }
    }
  }
  return { isTooLarge: values > maxValues };
}

/** The place of the quote that ends the string beginning at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** A string is a key when a colon follows it. */
function isKey(text: string, end: number): boolean {
  let next = end + 1;
  while (next < text.length && text.charCodeAt(next) <= 0x20) next++;
  return text.charCodeAt(next) === COLON;
}

/** One key has many spellings: `"a"` and `"\u0061"` are the same. */
function readKey(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}
