/** The sabotages still fit the sources. Whether each is noticed takes long to find out: `npm run chaos:sabotage`. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { patched } from './patched.ts';
import { SABOTAGES } from './sabotages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('a sabotage', () => {
  it.each(SABOTAGES.filter(({ patches }) => patches.length > 0))(
    '$name finds what it takes away',
    async ({ patches }) => {
      for (const patch of patches) expect(await patched(ROOT, patch)).not.toContain(patch.from);
    },
  );
});
