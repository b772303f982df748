/** The console's pages out of the templates beside this file. EJS escapes whatever `<%= %>` prints. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Response } from 'express';
import ejs from 'ejs';
import { Fault } from '../../shared/errors/fault.ts';
import { createPageHeaders } from '../headers.ts';
import { PROBLEMS } from '../problem.ts';
import { consoleAssetUrl } from './assets.ts';
import { shorten } from '../pages/shorten.ts';
import { printDuration, printMoney, printNumber, printTime } from './print.ts';

interface ConsolePage {
  title: string;
  /** Which entry of the navigation it belongs to. */
  section: 'overview' | 'look-up' | 'books' | 'audit' | 'runbook';
  /** Files below /ops/assets/. */
  scripts?: readonly string[];
  styles?: readonly string[];
  /** Where there is no JavaScript the page is loaded again after so many seconds. */
  refreshS?: number;
  [name: string]: unknown;
}

export type RenderConsole = (res: Response, template: string, page: ConsolePage, status?: number) => void;

const TEMPLATES = join(import.meta.dirname, 'templates');
/** What templates may call. */
const HELPERS = { problems: PROBLEMS, printDuration, printMoney, printNumber, printTime };

/** `sharedUrl` gives the address of a file that other pages load, too. */
export function createRenderConsole(sharedUrl: (path: string) => string): RenderConsole {
  const asset = (path: string) => (path.startsWith('/') ? sharedUrl(path) : consoleAssetUrl(path));
  const setHeaders = createPageHeaders();
  const templates = new Map(
    readdirSync(TEMPLATES).map((file) => {
      const source = readFileSync(join(TEMPLATES, file), 'utf8');
      return [file.replace(/\.ejs$/, ''), ejs.compile(source, { localsName: 'page', _with: false })];
    }),
  );
  const print = (name: string, page: object): string => {
    const template = templates.get(name);
    if (!template) throw new Fault(`no template ${name}`);
    return template({ ...HELPERS, words, asset, ...page });
  };
  const words = (text: string) => print('words', shorten(text));
  return (res, template, page, status = 200) => {
    const html = print('layout', { ...page, content: print(template, page) });
    setHeaders(res.req, res);
    res.statusCode = status;
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', Buffer.byteLength(html));
    res.end(html);
  };
}
