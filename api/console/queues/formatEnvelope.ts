/**
 * Envelopes as what they are, for the operators' board: how many of what, which wallets, how much in all, and what became
 * of them. What cannot be read is shown as it stands, with the reason.
 */
import { printAmount } from '../../../shared/ledger/money.ts';
import type { Command, KindName } from '../../../shared/ledger/command.ts';
import { KINDS } from '../../../shared/ledger/kinds.ts';
import { fromEnvelope } from '../../../shared/queue/contracts.ts';
import { KIND_WORDS } from '../kindWords.ts';

const WALLETS_IN_NAME = 4;
const WALLETS_SHOWN = 200;
const COMMANDS_SHOWN = 25;

/** `3 deposits, 12 transfers; wallets 4, 7, 9, 12 and 8 more; 2 rejected`. */
export function envelopeName(data: unknown, returnValue?: unknown): string {
  const { commands, problems } = fromEnvelope(data);
  const wallets = walletsOf(commands);
  const more = wallets.length - WALLETS_IN_NAME;
  const rejected = rejectedOf(returnValue);
  const parts = [
    countsOf(commands) || 'empty',
    wallets.length > 0 &&
      `wallets ${wallets.slice(0, WALLETS_IN_NAME).join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    problems.length > 0 && `${problems.length} unreadable`,
    rejected !== undefined && rejected > 0 && `${rejected} rejected`,
  ];
  return parts.filter(Boolean).join('; ');
}

export function envelopeData(data: unknown): unknown {
  const { commands, problems } = fromEnvelope(data);
  if (commands.length === 0 && problems.length > 0) return { unreadable: problems, data };
  const wallets = walletsOf(commands);
  const unshown = { wallets: wallets.length - WALLETS_SHOWN, commands: commands.length - COMMANDS_SHOWN };
  return {
    contains: countsOf(commands) || 'nothing',
    ...(problems.length > 0 && { unreadable: problems }),
    wallets: wallets.slice(0, WALLETS_SHOWN).map(Number),
    ...(unshown.wallets > 0 && { more_wallets: unshown.wallets }),
    moves: totalsOf(commands),
    commands: commands.slice(0, COMMANDS_SHOWN).map(commandLine),
    ...(unshown.commands > 0 && { more_commands: unshown.commands }),
  };
}

/** What the worker has answered; what it does not count had been decided before, by an earlier delivery. */
export function envelopeResult(returnValue: unknown): unknown {
  return returnValue ?? 'not done yet';
}

function countsOf(commands: readonly Command[]): string {
  const counts = new Map<KindName, number>();
  for (const { kind } of commands) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${KIND_WORDS[kind][count === 1 ? 'one' : 'many']}`).join(', ');
}

/** In the order of their numbers. */
function walletsOf(commands: readonly Command[]): bigint[] {
  const ids = new Set(commands.flatMap(({ debitWalletId, creditWalletId }) => [debitWalletId, creditWalletId]));
  return [...ids].sort((one, other) => (one < other ? -1 : 1));
}

function totalsOf(commands: readonly Command[]): Record<string, string> {
  const totals = new Map<string, bigint>();
  for (const { currency, amountMinor } of commands) totals.set(currency, (totals.get(currency) ?? 0n) + amountMinor);
  return Object.fromEntries([...totals].map(([currency, total]) => [currency, print(total, currency)]));
}

function commandLine(command: Command): string {
  const { id, kind, debitWalletId, creditWalletId, amountMinor, currency, list, claimId } = command;
  const { one } = KIND_WORDS[kind];
  const amount = amountMinor > 0n ? `${print(amountMinor, currency)} ${currency}` : 'all that remains';
  const what = KINDS[kind].oneWallet
    ? `${one} wallet ${debitWalletId}`
    : `${one} of ${amount} from wallet ${debitWalletId} to wallet ${creditWalletId}`;
  const about = claimId === undefined ? '' : `, of ${claimId}`;
  return `${id}: ${what}${about}${list ? `, of list ${list.id}` : ''}`;
}

/** Whatever is in a queue is shown, a currency that is none too. */
function print(amountMinor: bigint, currency: string): string {
  try {
    return printAmount(amountMinor, currency);
  } catch {
    return `${amountMinor} minor units`;
  }
}

function rejectedOf(returnValue: unknown): number | undefined {
  if (typeof returnValue !== 'object' || returnValue === null || !('rejected' in returnValue)) return undefined;
  return Number(returnValue.rejected);
}
