/**
 * Pages out of the templates beside this file. EJS escapes whatever `<%= %>` prints; `<%- %>` prints only what another
 * template has made.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Response } from 'express';
import ejs from 'ejs';
import { Fault } from '../../shared/errors/fault.ts';
import { createPageHeaders } from '../headers.ts';
import { readProse } from './prose.ts';

export interface PageData {
  title: string;
  /** Whether someone is logged in, so that the page offers to log out. */
  loggedIn?: boolean;
  [name: string]: unknown;
}

/** A page that is given again, the very same object, is not made again. */
export type RenderPage = (res: Response, template: string, page: PageData, status?: number) => void;

const TEMPLATES = join(import.meta.dirname, 'templates');

/** `assetUrl` gives the address of a file that pages load. */
export function createRenderPage(assetUrl: (path: string) => string): RenderPage {
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
    return template({ assetUrl, part: print, readProse, ...page });
  };
  const made = new WeakMap<PageData, string>();
  return (res, template, page, status = 200) => {
    const html = made.get(page) ?? print('layout', { ...page, content: print(template, page) });
    made.set(page, html);
    setHeaders(res.req, res);
    res.statusCode = status;
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    // Most pages are personal: no cache may keep them, nor the browser for its back button after log-out.
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', Buffer.byteLength(html));
    res.end(html);
  };
}
