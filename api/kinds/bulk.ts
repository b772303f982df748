/**
 * Many movements in one request: each with an identity of its own, each with an outcome of its own. What is wrong with
 * one item is told of that item alone. An atomic list is the exception: one command, applied whole or not at all.
 */
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../shared/ledger/command.ts';
import { invalidRequest } from '../http/invalidRequest.ts';
import { findFacts, toCommand, toTold, waitAsPreferred } from './operate.ts';
import type { Asking, Item, OperateDeps, Told } from './operate.ts';
import type { Preference } from '../http/prefer.ts';
import { Problem, attempt, orProblem } from '../http/problem.ts';
import { isSettled } from '../../shared/problems.ts';
import { createSlicer } from '../http/body/slices.ts';
import type { MapInSlices } from '../http/body/slices.ts';
import type { SubmitEach, SubmitList } from '../submission/submitMany.ts';

/** An item that could be read, or what is wrong with it. */
export type BulkItem = Problem | Item;

interface BulkRequest extends Omit<Asking, 'list'> {
  items: readonly BulkItem[];
  prefer: Preference;
}

export type BulkResult = Told | Problem;

interface BulkDeps extends OperateDeps {
  submitEach: SubmitEach;
  submitList: SubmitList;
}

export interface Bulk {
  /** Each item for itself: `onResult` is told of each, by its place, once. */
  moveEach: (request: BulkRequest, onResult: (index: number, result: BulkResult) => void) => Promise<void>;
  /** All or none. */
  moveAll: (request: BulkRequest) => Promise<BulkResult[]>;
}

export function createBulk(given: BulkDeps): Bulk {
  const deps = { ...given, mapInSlices: createSlicer() };
  const moveEach: Bulk['moveEach'] = async ({ prefer, ...request }, onResult) => {
    const open: { command: Command; index: number }[] = [];
    for (const [index, made] of (await makeCommands(request, deps)).entries()) {
      if (made instanceof Problem) onResult(index, made);
      else open.push({ command: made, index });
    }
    const options = waitAsPreferred(prefer, deps.timeoutMs);
    const commands = open.map(({ command }) => command);
    await deps.submitEach(commands, options, (at, end) => {
      const { command, index } = open[at] as (typeof open)[number];
      onResult(index, end instanceof Problem ? end : attempt(() => toTold(end, command)));
    });
  };

  const moveAll: Bulk['moveAll'] = async ({ prefer, ...request }) => {
    const list = { id: uuidv7(), size: request.items.length };
    const unique = refuseRepeated(await makeCommands({ ...request, list }, deps));
    // What is open, or our fault, says nothing about the list: a twin of this request may be applied at this moment.
    const open = unique.find((each) => each instanceof Problem && !isSettled(each.code));
    if (open) throw open as Problem;
    if (unique.some((each) => each instanceof Problem)) {
      const detail = 'Another item of the list is not valid. Nothing was changed, and no key was claimed.';
      return unique.map((each) => (each instanceof Problem ? each : new Problem('list_rejected', { detail })));
    }
    const commands = unique as Command[];
    const known = await orProblem(deps.submitList(commands, prefer.waitMs ?? deps.timeoutMs));
    return commands.map((command, index) => {
      if (known instanceof Problem) return known.code === 'outcome_unknown' ? unknownAs(known, command) : known;
      return attempt(() => toTold(known[index] as NonNullable<(typeof known)[number]>, command));
    });
  };

  return { moveEach, moveAll };
}

/** One command for each item, or what is wrong with it. */
async function makeCommands(
  { items, ...request }: Omit<BulkRequest, 'prefer'> & Asking,
  deps: OperateDeps & { mapInSlices: MapInSlices },
): Promise<(Command | Problem)[]> {
  const toWalletIds = items.flatMap((item) => (item instanceof Problem ? [] : item.toWalletId));
  const found = await orProblem(findFacts(request, toWalletIds, deps));
  if (found instanceof Problem) return items.map((item) => (item instanceof Problem ? item : found));
  const facts = found.values();
  return deps.mapInSlices(items, (item) => {
    if (item instanceof Problem) return item;
    const { value } = facts.next();
    return attempt(() => toCommand(request, item, value as NonNullable<typeof value>));
  });
}

/** An identity can be used once in a list that is applied as one. */
function refuseRepeated(made: readonly (Command | Problem)[]): (Command | Problem)[] {
  const ids = new Set<string>();
  return made.map((each) => {
    if (each instanceof Problem || !ids.has(each.id)) {
      if (!(each instanceof Problem)) ids.add(each.id);
      return each;
    }
    const path = each.externalId === null ? 'idempotency_key' : 'external_id';
    return invalidRequest([{ path, message: 'is that of an earlier item of the list' }]);
  });
}

function unknownAs({ extras }: Problem, { id }: Command): Problem {
  return new Problem('outcome_unknown', { ...extras, operationId: id });
}
