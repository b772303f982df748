/** The files that the console's pages load beside those of all pages. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createAssets } from '../html/assets.ts';

const require = createRequire(import.meta.url);
const own = (file: string) => join(import.meta.dirname, 'assets', file);

export const CONSOLE_ASSETS = createAssets({
  base: '/ops',
  caching: 'private',
  files: {
    'uplot.css': require.resolve('uplot/dist/uPlot.min.css'),
    'uplot.js': require.resolve('uplot/dist/uPlot.iife.min.js'),
    'console.css': own('console.css'),
    'overview.js': own('overview.js'),
    'books.js': own('books.js'),
    'board.css': own('board.css'),
    'board.js': own('board.js'),
  },
});
