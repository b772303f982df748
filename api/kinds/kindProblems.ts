/** The problems that a route can answer with because it submits a command. */
import type { KindName } from '../../shared/ledger/command.ts';
import { KINDS, REASONS_OF_ANY } from '../../shared/ledger/kinds.ts';
import type { Code } from '../../shared/problems.ts';

/** For a route that submits one command of the kind `name`. */
export function problemsOfKind(name: KindName): Code[] {
  return [...KINDS[name].reasons, ...REASONS_OF_ANY, 'idempotency_key_reused', 'overloaded', 'outcome_unknown'];
}
