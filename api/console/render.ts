/** The console's pages, out of the templates beside this file. */
import { join } from 'node:path';
import type { Response } from 'express';
import { shorten } from '../html/shorten.ts';
import { createSendPage, readTemplates } from '../html/templates.ts';
import { PROBLEMS } from '../../shared/problems.ts';
import { CONSOLE_ASSETS } from './assets.ts';
import { KIND_WORDS } from './kindWords.ts';
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

/** `sharedUrl` gives the address of a file that other pages load, too. */
export function createRenderConsole(sharedUrl: (path: string) => string): RenderConsole {
  const send = createSendPage();
  const printPage = readTemplates(join(import.meta.dirname, 'templates'), (print) => ({
    ...{ problems: PROBLEMS, kindWords: KIND_WORDS, printDuration, printMoney, printNumber, printTime },
    part: print,
    words: (text: string) => print('words', shorten(text)),
    ...{ sharedUrl, assetUrl: (file: string) => CONSOLE_ASSETS.url(`/ops/assets/${file}`) },
  }));
  return (res, template, page, status = 200) => send(res, printPage(template, page), status);
}
