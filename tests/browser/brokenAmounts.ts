/** Amounts on a page that a line break goes through: nobody reads `1 234` and, below it, `567.50` as one number. */
import type { Page } from 'playwright-core';

const FIND = `(() => {
  const broken = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const match of texts.currentNode.data.matchAll(/[-+\\u2212]?\\d[\\d\\s]*\\.\\d{2}(?!\\d)/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, match.index);
      range.setEnd(texts.currentNode, match.index + match[0].length);
      const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (tops.size > 1) broken.push(match[0]);
    }
  }
  return broken;
})()`;

export function findBrokenAmounts(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(FIND);
}
