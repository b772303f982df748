/**
 * bull-board, the operators' view into the queues, with our own rules before it: nothing but what `actions.ts` lists
 * can be changed, only with the write permission, and only once it is in the audit log.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Express, Request, RequestHandler, Response } from 'express';
import express from 'express';
import ejs from 'ejs';
import helmet from 'helmet';
import type { LedgerQueue } from '../../../shared/queue/ledgerQueue.ts';
import type { Dependency } from '../../../shared/dependency.ts';
import { Problem } from '../../http/problem.ts';
import { requestIdOf } from '../../http/reply.ts';
import { operatorOf } from '../access.ts';
import { CONSOLE_ASSETS } from '../assets.ts';
import type { Audit, Conclusion } from '../audit.ts';
import { isLookAtPage, showOutage } from '../outage.ts';
import type { RenderConsole } from '../render.ts';
import { queueActionOf } from './actions.ts';
import { envelopeData, envelopeName, envelopeResult } from './formatEnvelope.ts';

const BOARD_PATH = '/ops/queues';
/** A queue that hangs must not keep its viewers' requests for ever. */
const ANSWER_LIMIT_MS = 10_000;
const SAFE_METHODS = ['GET', 'HEAD'];
const TITLE = 'Saldo queues';
/** The board's own colors where they are too faint to be read by everybody. */
const THEME = {
  light: {
    'muted-foreground': '#46515c',
    primary: '#0b5a51',
    destructive: '#b91c1c',
    'status-failed': '#b91c1c',
    'status-completed': '#166534',
  },
  dark: {
    'muted-foreground': '#a3aebc',
    destructive: '#f28b82',
    'status-failed': '#f28b82',
    'status-completed': '#55cc81',
  },
};
/** Of a finished envelope, which would change nothing; the adapter's type does not tell of this option. */
const WITHOUT_IDLE_RETRIES = { allowCompletedRetries: false };

const SAFE_BY_DESIGN =
  'Retry, promote, pause and resume are safe at any time: every operation is applied at most once, and what was promised comes back by itself.';
const READ_ONLY = 'Read-only: this service was started without OPERATOR_QUEUE_WRITE.';
const OWN_FILES = `<link rel="stylesheet" href="${CONSOLE_ASSETS.url('/ops/assets/board.css')}"><script defer src="${CONSOLE_ASSETS.url('/ops/assets/board.js')}"></script>`;

interface BoardDeps {
  queues: readonly LedgerQueue[];
  queue: Pick<Dependency, 'isAway'>;
  audit: Audit;
  render: RenderConsole;
  /** Whether operators may act on the queues. */
  canWrite: boolean;
}

/** To be mounted at `BOARD_PATH`, behind `operatorsOnly`. */
export function createBoard({ queues, queue, audit, render, canWrite }: BoardDeps): Express {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map((each) => adapt(each, canWrite)),
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: TITLE,
        // Counting connections would cost a CLIENT LIST on every poll; the overview knows the workers.
        showWorkers: false,
        hideDocsLink: true,
        locale: { lng: 'en-US' },
        theme: THEME,
        miscLinks: [
          { text: 'Back to the console', url: '/ops/' },
          { text: 'Audit log', url: '/ops/audit' },
        ],
        environment: canWrite
          ? { label: 'Retry, pause and resume are safe', color: '#1b5e20', textColor: '#ffffff' }
          : { label: 'Read-only', color: '#37474f', textColor: '#ffffff' },
      },
    },
  });
  const router = adapter.getRouter() as Express;
  router.disable('x-powered-by');
  router.engine('ejs', renderPage);

  const app = express();
  app.disable('x-powered-by');
  app.use(setBoardHeaders());
  app.use(keepFiles());
  app.use(guardQueue(queue, render));
  app.use(allowActions(audit, canWrite));
  app.use(router);
  return app;
}

function adapt({ partition, board }: LedgerQueue, canWrite: boolean): BullMQAdapter {
  const adapter = new BullMQAdapter(board, {
    ...WITHOUT_IDLE_RETRIES,
    readOnlyMode: !canWrite,
    description: `Envelopes of partition ${partition}. ${canWrite ? SAFE_BY_DESIGN : READ_ONLY}`,
  });
  adapter.setFormatter('name', ({ data, returnvalue }) => envelopeName(data, returnvalue));
  adapter.setFormatter('data', envelopeData);
  adapter.setFormatter('returnValue', envelopeResult);
  return adapter;
}

/**
 * The board's page asks Google for its fonts; ours asks nobody, and shows the same in the reader's own. What the board
 * lacks is in two files of ours.
 */
function renderPage(file: string, data: object, done: (error: unknown, html?: string) => void): void {
  ejs.renderFile(file, data as ejs.Data, (error: unknown, html?: string) => {
    done(
      error,
      html?.replace(/<link [^>]*fonts\.googleapis\.com[^>]*>/g, '').replace('</head>', `${OWN_FILES}</head>`),
    );
  });
}

/**
 * As strict as the other pages but for two things the board cannot do without, and for this path alone: a <base>, and
 * styles within the page, which it sets while it runs.
 */
function setBoardHeaders(): RequestHandler {
  return helmet({
    referrerPolicy: { policy: 'same-origin' },
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'none'"],
        baseUri: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
  });
}

/** The board's files have the hash of what is in them in their names. */
function keepFiles(): RequestHandler {
  return (req, res, next) => {
    if (/^\/static\/(js|css)\//.test(req.path)) res.setHeader('Cache-Control', 'private, max-age=31536000, immutable');
    next();
  };
}

function guardQueue(queue: Pick<Dependency, 'isAway'>, render: RenderConsole): RequestHandler {
  return (req, res, next) => {
    const isData = req.path.startsWith('/api/');
    const isFile = req.path.startsWith('/static/');
    // The board itself would show a queue that it cannot read as one that is not there.
    if (!isData && !isFile && queue.isAway() && isLookAtPage(req)) {
      showOutage(render, res, 'queue');
      return;
    }
    if (isData && queue.isAway()) throw new Problem('unavailable');
    if (isData) {
      res.setHeader('Cache-Control', 'no-store');
      const limit = setTimeout(() => res.destroy(), ANSWER_LIMIT_MS);
      res.once('close', () => clearTimeout(limit));
    }
    next();
  };
}

/** Whatever would change something is checked, and written down before and after. */
function allowActions(audit: Audit, canWrite: boolean): RequestHandler {
  return async (req: Request, res: Response, next) => {
    if (SAFE_METHODS.includes(req.method)) {
      next();
      return;
    }
    const action = queueActionOf(req.method, req.path);
    if (!action) throw new Problem('forbidden', { detail: 'The console does not do that to a queue.' });
    if (!canWrite) throw new Problem('forbidden', { detail: READ_ONLY });
    const { userId: operatorId } = operatorOf(res);
    const ended = await audit.begin({ ...action, operatorId, requestId: requestIdOf(res) });
    res.once('close', () => void ended(conclusionOf(res)));
    next();
  };
}

function conclusionOf(res: Response): Conclusion {
  if (!res.writableFinished) return { outcome: 'failed', details: 'the queue did not answer' };
  const { statusCode } = res;
  if (statusCode < 400) return { outcome: 'done' };
  return { outcome: statusCode < 500 ? 'refused' : 'failed', details: `HTTP status ${statusCode}` };
}
