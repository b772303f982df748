/** The customers' pages, out of the templates beside this file. */
import { join } from 'node:path';
import type { Response } from 'express';
import { HTML, createSendPage, readTemplates } from '../html/templates.ts';
import { pack } from '../http/packed.ts';
import type { Packed } from '../http/packed.ts';
import { readProse } from './docs/prose.ts';

export interface PageData {
  title: string;
  /** Whether someone is logged in, so that the page offers to log out. */
  loggedIn?: boolean;
  [name: string]: unknown;
}

export type RenderPage = (res: Response, template: string, page: PageData, status?: number) => void;
/** A page that is the same for everybody: given again, the very same object, it is neither made nor compressed again. */
export type RenderShared = (res: Response, template: string, page: PageData) => void;

/** `assetUrl` gives the address of a file that pages load. */
export function createRenderPage(assetUrl: (path: string) => string): {
  renderPage: RenderPage;
  renderShared: RenderShared;
} {
  const send = createSendPage();
  const printPage = readTemplates(join(import.meta.dirname, 'templates'), (print) => ({
    ...{ assetUrl, part: print, readProse },
  }));
  const made = new WeakMap<PageData, Packed>();
  return {
    renderPage: (res, template, page, status = 200) => send(res, printPage(template, page), status),
    renderShared: (res, template, page) => {
      const packed = made.get(page) ?? pack(HTML, Buffer.from(printPage(template, page)));
      made.set(page, packed);
      send(res, packed, 200);
    },
  };
}
