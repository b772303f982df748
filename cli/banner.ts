/** What `npm start` prints once everything runs: where, with which credentials, and three lines to try. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Env } from '../shared/env.ts';
import type { Credentials } from './credentials.ts';

interface BannerFacts {
  url: string;
  folder: string;
  env: Env;
  credentials: Credentials;
}

export function banner({ url, folder, env, credentials }: BannerFacts): string {
  const width = Math.max(env.BANK_EMAIL.length, env.OPERATOR_EMAIL.length);
  return `
Saldo runs at ${url}
Its data and credentials are in ${folder}; Ctrl-C stops it.

  bank      ${env.BANK_EMAIL.padEnd(width)}  ${credentials.BANK_PASS}
  operator  ${env.OPERATOR_EMAIL.padEnd(width)}  ${credentials.OPERATOR_PASS}

The operator's console is at ${url}/ops/

Sign up, let the bank pay in, look at the wallet:

${trial({ url, folder, env, credentials }).join('\n')}
`;
}

/** A new person each time, so that the lines work after every start. The second finds the wallet by the first's cookie. */
function trial({ url, folder, env, credentials }: BannerFacts): string[] {
  const cookies = quote(path.join(folder, `cookies-${randomBytes(3).toString('hex')}.txt`));
  const email = `ada.${randomBytes(3).toString('hex')}@example.com`;
  const json = `-H 'Content-Type: application/json'`;
  const person = quote(JSON.stringify({ name: 'Ada', email, password: 'correct horse battery' }));
  const walletId = `$(curl -s -b ${cookies} ${url}/api/wallet | grep -o '"wallet_id":[0-9]*' | head -n 1 | tr -dc 0-9)`;
  return [
    `curl -s -b ${cookies} -c ${cookies} ${json} -d ${person} ${url}/api/signup`,
    `curl -s -u ${quote(`${env.BANK_EMAIL}:${credentials.BANK_PASS}`)} ${json} -d "{\\"amount\\":100,\\"wallet_id\\":${walletId}}" ${url}/api/external_to_wallet`,
    `curl -s -b ${cookies} ${url}/api/wallet`,
  ];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
