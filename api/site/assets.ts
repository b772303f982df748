/** The files that the customers' pages load; the first one is the console's, too. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createAssets } from '../html/assets.ts';
import type { Assets } from '../html/assets.ts';

const require = createRequire(import.meta.url);
const own = (file: string) => join(import.meta.dirname, 'assets', file);

export const createSiteAssets = (): Assets =>
  createAssets({
    base: '',
    caching: 'public',
    files: {
      'pico.css': require.resolve('@picocss/pico/css/pico.min.css'),
      'page.js': own('page.js'),
      'wallet.js': own('wallet.js'),
      'saldo.css': own('saldo.css'),
    },
  });
