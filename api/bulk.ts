/**
 * Many movements in one request: each with an identity of its own, each with an outcome of its own. What is wrong with
 * one item is told of that item alone. An atomic list is the exception: one command, applied whole or not at all.
 */
import { v7 as uuidv7 } from 'uuid';
import type { Command, MovementKind } from '../shared/ledger/command.ts';
import { toCommand, toMoved } from './movements.ts';
import type { Move, MoveDeps, Moved, Movement } from './movements.ts';
import type { Preference } from './prefer.ts';
import { PROBLEMS, Problem } from './problem.ts';
import type { Principal } from './route.ts';
import type { SubmitList } from './submit.ts';

/** An item that could be read, or what is wrong with it. */
export type BulkItem = Problem | Pick<Movement, 'walletId' | 'amount' | 'details' | 'externalId' | 'idempotencyKey'>;

interface BulkRequest {
  kind: MovementKind;
  principal: Principal;
  items: readonly BulkItem[];
  requestId: string;
  prefer: Preference;
}

export type BulkResult = Moved | Problem;

interface BulkDeps extends MoveDeps {
  move: Move;
  submitList: SubmitList;
}

export interface Bulk {
  /** Each item for itself; one result each, in order. They never reject. */
  moveEach: (request: BulkRequest) => Promise<BulkResult>[];
  /** All or none. */
  moveAll: (request: BulkRequest) => Promise<BulkResult[]>;
}

export function createBulk(deps: BulkDeps): Bulk {
  const moveEach: Bulk['moveEach'] = ({ items, ...common }) =>
    items.map((item) =>
      item instanceof Problem ? Promise.resolve(item) : orProblem(deps.move({ ...common, ...item })),
    );

  const moveAll: Bulk['moveAll'] = async ({ items, prefer, ...common }) => {
    const list = { id: uuidv7(), size: items.length };
    const made = await Promise.all(
      items.map(async (item) =>
        item instanceof Problem ? item : orProblem(toCommand({ ...common, ...item, list }, deps)),
      ),
    );
    const unique = refuseRepeated(made);
    // A fault of ours says nothing about the list: a twin of this request may be applied at this moment.
    const fault = unique.find((each) => each instanceof Problem && PROBLEMS[each.code].status >= 500);
    if (fault) throw fault as Problem;
    if (unique.some((each) => each instanceof Problem)) {
      const detail = 'Another item of the list is not valid. Nothing was changed, and no key was claimed.';
      return unique.map((each) => (each instanceof Problem ? each : new Problem('list_rejected', { detail })));
    }
    const commands = unique as Command[];
    const known = await orProblem(deps.submitList(commands, prefer.waitMs ?? deps.timeoutMs));
    return commands.map((command, index) => {
      if (known instanceof Problem) return known.code === 'outcome_unknown' ? unknownAs(known, command) : known;
      return attempt(() => toMoved(known[index] as NonNullable<(typeof known)[number]>, command));
    });
  };

  return { moveEach, moveAll };
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
    return new Problem('invalid_request', { errors: [{ path, message: 'is that of an earlier item of the list' }] });
  });
}

function unknownAs({ extras }: Problem, { id }: Command): Problem {
  return new Problem('outcome_unknown', { ...extras, operationId: id });
}

/** A refusal is a result here, and anything else a fault of the whole request. */
async function orProblem<T>(result: Promise<T>): Promise<T | Problem> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function attempt(result: () => Moved): BulkResult {
  try {
    return result();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
