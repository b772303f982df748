/**
 * The runbook where it is needed: the service's own copy of docs/OPERATIONS.md, as it is written. Alerts lead to its
 * sections, by the names that Markdown gives to headings.
 */
import { readFileSync } from 'node:fs';
import type { Endpoint } from '../http/endpoint.ts';
import type { RenderConsole } from './render.ts';

const FILE = new URL('../../docs/OPERATIONS.md', import.meta.url);
const BEFORE_HEADING = /^(?=#+ )/m;

export function createRunbook({ render }: { render: RenderConsole }): Endpoint[] {
  const text = readFileSync(FILE, 'utf8');
  const sections = text.split(BEFORE_HEADING).map((section) => ({ id: idOf(section), text: section }));
  return [
    {
      method: 'get',
      path: '/runbook',
      handler: (_req, res) => render(res, 'runbook', { title: 'Runbook', section: 'runbook', sections }),
    },
  ];
}

function idOf(section: string): string {
  const [heading = ''] = section.split('\n', 1);
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
}
