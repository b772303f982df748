/** The overview, and the figures alone for the script that keeps it up to date. */
import type { Request, Response } from 'express';
import type { Endpoint } from '../../http/endpoint.ts';
import { seeOther } from '../../html/forms.ts';
import { pack, sendPacked } from '../../http/packed.ts';
import type { Packed } from '../../http/packed.ts';
import type { RenderConsole } from '../render.ts';
import { createFigures } from './figures.ts';
import type { Figures, FiguresDeps } from './figures.ts';
import { PARTITION_COLUMNS, PROCESS_COLUMNS, viewOf } from './view.ts';
import type { OverviewView } from './view.ts';

/** How often the page asks for new figures, which are made as often. */
const POLL_S = 5;

interface Shown {
  view: OverviewView;
  json: Packed;
}

export function createOverviewPages(deps: FiguresDeps & { render: RenderConsole }): Endpoint[] {
  const { render } = deps;
  const current = createFigures(deps);
  /** Printed once per set of figures, however many ask for it. */
  const shown = new WeakMap<Figures, Shown>();
  const show = async (): Promise<Shown> => {
    const figures = await current();
    const known = shown.get(figures);
    if (known) return known;
    const view = viewOf(figures);
    const made = { view, json: pack('application/json; charset=utf-8', Buffer.from(JSON.stringify(view))) };
    shown.set(figures, made);
    return made;
  };
  return [
    {
      method: 'get',
      path: '/',
      async handler(req: Request, res: Response) {
        if (!/^\/ops\/(\?|$)/.test(req.originalUrl)) {
          seeOther(res, '/ops/');
          return;
        }
        const { view } = await show();
        render(res, 'overview', {
          title: 'Overview',
          section: 'overview',
          ...{ view, partitionColumns: PARTITION_COLUMNS, processColumns: PROCESS_COLUMNS, pollS: POLL_S },
          styles: ['uplot.css'],
          scripts: ['uplot.js', 'overview.js'],
          refreshS: POLL_S,
        });
      },
    },
    {
      method: 'get',
      path: '/figures',
      async handler(req: Request, res: Response) {
        const { json } = await show();
        res.setHeader('Cache-Control', 'no-store');
        sendPacked(req, res, json);
      },
    },
  ];
}
