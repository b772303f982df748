/**
 * Pages out of a folder of templates. EJS escapes whatever `<%= %>` prints; `<%- %>` prints only what another template
 * has made.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Response } from 'express';
import ejs from 'ejs';
import { Fault } from '../../shared/errors/fault.ts';
import { createPageHeaders } from '../http/browser/securityHeaders.ts';
import { sendPacked } from '../http/packed.ts';
import type { Packed } from '../http/packed.ts';

/** Throws a `Fault` for a template that is not there. */
type Print = (template: string, page: object) => string;

/**
 * Answers what prints a page in its frame, the template `layout`. `helpers` is what every template may use beside its page's
 * own; it is given what prints a template alone, for parts of pages.
 */
export function readTemplates(folder: string, helpers: (print: Print) => object): Print {
  const templates = new Map(
    readdirSync(folder).map((file) => {
      const source = readFileSync(join(folder, file), 'utf8');
      return [file.replace(/\.ejs$/, ''), ejs.compile(source, { localsName: 'page', _with: false })];
    }),
  );
  const print: Print = (name, page) => {
    const template = templates.get(name);
    if (!template) throw new Fault(`no template ${name}`);
    return template({ ...shared, ...page });
  };
  const shared = helpers(print);
  return (template, page) => print('layout', { ...page, content: print(template, page) });
}

export const HTML = 'text/html; charset=utf-8';

/** A page is text where it is somebody's: compressed, its length would tell what is in it beside what was sent. */
export function createSendPage(): (res: Response, html: string | Packed, status: number) => void {
  const setHeaders = createPageHeaders();
  return (res, html, status) => {
    setHeaders(res.req, res);
    res.statusCode = status;
    // Most pages are personal: no cache may keep them, nor the browser for its back button after log-out.
    res.setHeader('Cache-Control', 'no-store');
    if (typeof html === 'object') {
      sendPacked(res.req, res, html);
      return;
    }
    res.setHeader('Content-Type', HTML);
    res.setHeader('Content-Length', Buffer.byteLength(html));
    res.end(html);
  };
}
