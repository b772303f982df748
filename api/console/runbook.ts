/** The runbook where it is needed: the service's own copy of docs/OPERATIONS.md, as it is written. */
import { readFileSync } from 'node:fs';
import type { Endpoint } from '../http/endpoint.ts';
import type { RenderConsole } from './render.ts';

const FILE = new URL('../../docs/OPERATIONS.md', import.meta.url);

export function createRunbook({ render }: { render: RenderConsole }): Endpoint[] {
  const text = readFileSync(FILE, 'utf8');
  return [
    {
      method: 'get',
      path: '/runbook',
      handler: (_req, res) => render(res, 'runbook', { title: 'Runbook', section: 'runbook', text }),
    },
  ];
}
