/**
 * The console while something it needs is away: it stays, in red, and says what to do. It shows nothing that is stored, so
 * whoever cannot be recognised because the database is away may see it as well.
 */
import type { ErrorRequestHandler, Request, Response } from 'express';
import type { Dependency } from '../../shared/dependency.ts';
import { Problem } from '../http/problem.ts';
import type { RenderConsole } from './render.ts';

export type Away = 'database' | 'queue';

interface Words {
  heading: string;
  facts: readonly string[];
  steps: readonly string[];
}

const RELOAD_S = 5;

export const OUTAGES: Record<Away, Words> = {
  database: {
    heading: 'PostgreSQL cannot be reached',
    facts: [
      'PostgreSQL cannot be reached: nothing can be decided, promised or looked up, and clients hear 503. Whatever was acknowledged is stored.',
    ],
    steps: [
      'See whether PostgreSQL runs and has room on its disk, and read its log.',
      'See whether this machine reaches it: the place is in DATABASE_URL. The log of this process says why it does not.',
      'Leave the service running: it goes on by itself, within five seconds of the database’s return.',
    ],
  },
  queue: {
    heading: 'The queue cannot be reached',
    facts: [
      'The queue cannot be reached: nothing is applied until it is back, and clients hear 503. The queues are not empty, they are not known.',
    ],
    steps: [
      'See whether Redis runs, takes writes and has memory left, and read its log.',
      'See whether its user may do what the queues need, and whether this machine reaches it: the place is in REDIS_URL. The log of this process says why not.',
      'Leave the service running: it goes on by itself. Losing the queue loses no money, what was promised comes back.',
    ],
  },
};

export function showOutage(render: RenderConsole, res: Response, away: Away): void {
  const words = OUTAGES[away];
  res.setHeader('Refresh', String(RELOAD_S));
  render(res, 'outage', { title: words.heading, section: 'overview', ...words }, 503);
}

/** For pages that could not be made because the database is away. */
export function answerOutage(database: Pick<Dependency, 'isInDoubt'>, render: RenderConsole): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const isOutage = error instanceof Problem && error.code === 'unavailable' && database.isInDoubt();
    if (!isOutage || res.headersSent || !isLookAtPage(req)) {
      next(error);
      return;
    }
    showOutage(render, res, 'database');
  };
}

export function isLookAtPage(req: Request): boolean {
  return ['GET', 'HEAD'].includes(req.method) && req.accepts(['json', 'html']) === 'html';
}
