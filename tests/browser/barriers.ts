/** What axe-core finds on a page that keeps people out: its serious and critical violations. */
import axe from 'axe-core';
import { expect } from 'vitest';
import type { Page } from 'playwright-core';

interface Barrier {
  rule: string;
  places: string[];
}

/** With `rules`, only by those. The page's own security policy does not bind what a test puts into it. */
export async function findBarriers(page: Page, rules?: readonly string[]): Promise<Barrier[]> {
  if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(axe.source);
  const options = { resultTypes: ['violations'], ...(rules && { runOnly: rules }) };
  const { violations, passes } = await page.evaluate<axe.AxeResults>(`axe.run(document, ${JSON.stringify(options)})`);
  expect(passes.length + violations.length, 'rules that had something to look at').toBeGreaterThan(0);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => ({ rule: id, places: nodes.map(({ html }) => html) }));
}
