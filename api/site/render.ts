/** The customers' pages, out of the templates beside this file. */
import { join } from 'node:path';
import type { Response } from 'express';
import { createSendPage, readTemplates } from '../html/templates.ts';
import { readProse } from './docs/prose.ts';

export interface PageData {
  title: string;
  /** Whether someone is logged in, so that the page offers to log out. */
  loggedIn?: boolean;
  [name: string]: unknown;
}

/** A page that is given again, the very same object, is not made again. */
export type RenderPage = (res: Response, template: string, page: PageData, status?: number) => void;

/** `assetUrl` gives the address of a file that pages load. */
export function createRenderPage(assetUrl: (path: string) => string): RenderPage {
  const send = createSendPage();
  const printPage = readTemplates(join(import.meta.dirname, 'templates'), (print) => ({
    ...{ assetUrl, part: print, readProse },
  }));
  const made = new WeakMap<PageData, string>();
  return (res, template, page, status = 200) => {
    const html = made.get(page) ?? printPage(template, page);
    made.set(page, html);
    send(res, html, status);
  };
}
