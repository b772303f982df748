/**
 * Each defence of the service, taken away: a change of its source, the run that brings out what the defence is for, and
 * what the checker must say then. A text that is no longer in the source is an error: the defence may have moved.
 */

/** One text of one source file, and what stands there instead. */
export interface Patch {
  file: string;
  from: string;
  to: string;
}

export interface Sabotage {
  name: string;
  /** What is taken away. */
  says: string;
  patches: readonly Patch[];
  /** Arguments of the chaos run. */
  args: readonly string[];
  /** The checker must report at least one of these rules; or nothing at all, if there are none. */
  expects: readonly string[];
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: 'control',
    says: 'nothing is taken away, so there must be nothing to object to',
    patches: [],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'worker-kill,flush,blackout', '--every', '8'],
    expects: [],
  },
  {
    name: 'no-duplicate-check',
    says: 'an operation that is stored already is applied again',
    patches: [
      {
        file: 'shared/ledger/decide.ts',
        from: '      if (decidedIds.has(command.id)) return false;\n',
        to: '',
      },
      {
        file: 'shared/store/ledger/insertOutcomes.ts',
        from: "  after: 'ORDER BY id',\n});\n\nconst insertBrief",
        to: "  after: 'ORDER BY id ON CONFLICT (id) DO NOTHING',\n});\n\nconst insertBrief",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'worker-kill,flush', '--every', '8'],
    expects: ['doubled'],
  },
  {
    name: 'no-promise',
    says: '202 is answered and nothing is stored',
    patches: [
      {
        file: 'api/submission/promises/promises.ts',
        from: '    const refused = await guard(() => insert(left)).catch((error: unknown) => {\n      void certainty.confirm().catch(() => undefined);\n      throw error;\n    });\n',
        to: '    void [guard, left, insert];\n',
      },
      {
        file: 'api/submission/promises/promises.ts',
        from: "const results = ids.map((id) => known.get(id) ?? refused.get(id) ?? ('full' as const));",
        to: "const results: (KnownOutcome | Why | 'full')[] = commands.map(({ id, requestHash }) => known.get(id) ?? { id, requestHash, state: 'pending' as const });",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'blackout', '--every', '10', '--settle', '50'],
    expects: ['promise-broken'],
  },
  {
    name: 'early-promise',
    says: '202 is answered before the promise is committed',
    patches: [
      {
        file: 'api/submission/promises/promises.ts',
        from: '    const refused = await guard(() => insert(left)).catch((error: unknown) => {\n      void certainty.confirm().catch(() => undefined);\n      throw error;\n    });\n',
        to: '    const refused = new Map<string, Why>();\n    void guard, insert(left).catch(() => undefined);\n',
      },
      {
        file: 'api/submission/promises/promises.ts',
        from: 'const known = await outcomes.read(ids);',
        to: "void outcomes;\n    const known = new Map(commands.map(({ id, requestHash }) => [id, { id, requestHash, state: 'pending' as const }]));",
      },
    ],
    args: ['--seed', '1', '--minutes', '1', '--faults', 'postgres-crash,blackout', '--every', '5', '--settle', '50'],
    expects: ['promise-broken'],
  },
  {
    name: 'no-sweep',
    says: 'what a 202 has promised is never brought back into the queue',
    patches: [
      {
        file: 'worker/sweep/sweep.ts',
        from: '  for (const partition of await duePartitions(deps.pool, deps.queues.length)) {\n',
        to: '  for (const partition of [] as number[]) {\n',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'blackout', '--every', '10', '--settle', '50'],
    expects: ['promise-broken', 'pending-left'],
  },
  {
    name: 'no-session-limits',
    says: 'a frozen worker keeps the rows it has locked',
    patches: [
      {
        file: 'shared/store/database/pool.ts',
        from: '    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,\n',
        to: '',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.6', '--faults', 'worker-hold', '--every', '15'],
    expects: ['takeover'],
  },
  {
    name: 'believes-commit',
    says: 'COMMIT is believed whatever its tag, and what failed before it goes unnoticed',
    patches: [
      {
        file: 'shared/store/ledger/ledgerTransaction.ts',
        from: "  if (tag !== 'COMMIT') throw new NotCommittedError(`COMMIT answered ${tag ?? 'nothing'}`);\n",
        to: '  void tag, NotCommittedError;\n',
      },
      {
        file: 'shared/store/ledger/ledgerTransaction.ts',
        from: "    if (result.status === 'rejected') throw result.reason as Error;\n",
        to: "    if (result.status === 'rejected') return { command: 'FAILED', rows: [] } as unknown as QueryResult;\n",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'refuse', '--every', '8', '--settle', '100'],
    expects: ['slow-in-peace'],
  },
  {
    name: 'no-row-locks',
    says: 'wallets are read without being locked, and a second entry under a number is dropped without a word',
    patches: [
      {
        file: 'shared/store/ledger/ledgerTransaction.ts',
        from: 'ORDER BY kind, id FOR NO KEY UPDATE`',
        to: 'ORDER BY kind, id`',
      },
      {
        file: 'shared/store/ledger/ledgerTransaction.ts',
        from: "after: 'ORDER BY wallet_id, seq'",
        to: "after: 'ORDER BY wallet_id, seq ON CONFLICT DO NOTHING'",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['running-balance', 'status-not-allowed', 'sequence'],
  },
  {
    name: 'no-request-hash',
    says: 'another body under a used key is taken for the first one',
    patches: [
      {
        file: 'api/kinds/operate.ts',
        from: '  if (known.requestHash === command.requestHash) return;\n',
        to: '  if (command.id) return;\n',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['applied-missing'],
  },
  {
    name: 'doubt-is-failure',
    says: 'what may be in the queue is answered as certainly not done',
    patches: [
      {
        file: 'api/submission/delivery.ts',
        from: "return deps.neverSent(error) ? 'never sent' : 'in doubt';",
        to: "return 'never sent';",
      },
    ],
    args: ['--seed', '1', '--minutes', '2', '--faults', 'redis-freeze', '--every', '6'],
    expects: ['refused-but-stored'],
  },
  {
    name: 'one-says-nothing-happened',
    says: 'a request that is given up says that it changed nothing, though its command is under way',
    patches: [
      {
        file: 'api/submission/submit.ts',
        from: "    if (known !== undefined && known !== 'unknown') return known;\n",
        to: "    throw new Problem('unavailable');\n",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'worker-freeze', '--every', '8'],
    expects: ['refused-but-stored'],
  },
  {
    name: 'no-replay-mark',
    says: 'the outcome of an earlier request is told as one of this request',
    patches: [
      {
        file: 'api/kinds/operate.ts',
        from: '  const isReplay = known.requestId !== command.requestId;\n',
        to: '  const isReplay = false;\n',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['replay-mark'],
  },
  {
    name: 'thrown-away',
    says: 'what a 202 has promised is stored as rejected for a fault of our own',
    patches: [
      {
        file: 'shared/ledger/decide.ts',
        from: "    isExpired(command) ? reject(command, 'expired') : decideOne(command, on, { nowMs, kinds, due });\n",
        to: "    state.promisedHashes.has(command.id)\n      ? reject(command, 'internal_error')\n      : isExpired(command)\n        ? reject(command, 'expired')\n        : decideOne(command, on, { nowMs, kinds, due });\n",
      },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['undeserved-rejection'],
  },
  {
    name: 'never-back',
    says: 'what was away once is taken to be away for ever',
    patches: [{ file: 'shared/dependency.ts', from: '        away = false;\n', to: '' }],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'redis-kill', '--settle', '10'],
    expects: ['refused-in-peace'],
  },
  {
    name: 'cut-off',
    says: 'a process that is stopped closes every connection, answered or not',
    patches: [
      {
        file: 'api/http/server/server.ts',
        from: 'if (open === 0) socket.destroy();',
        to: 'if (open >= 0) socket.destroy();',
      },
      {
        file: 'api/http/server/server.ts',
        from: '      await sleep(GRACE_MS);\n',
        to: '      void sleep, GRACE_MS;\n',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.5', '--faults', 'pause,api-stop', '--every', '3'],
    expects: ['lost-in-peace'],
  },
  {
    name: 'half-a-list',
    says: 'the items of an atomic list are decided one by one',
    patches: [
      {
        file: 'shared/ledger/decide.ts',
        from: '    if (!unit[0]?.list) outcomes.push(...open.map(decideOn(book)));\n',
        to: '    if (unit.length > 0) outcomes.push(...open.map(decideOn(book)));\n',
      },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['list-torn'],
  },
  {
    name: 'frozen-pays',
    says: 'a frozen wallet goes on paying',
    patches: [
      { file: 'shared/ledger/kinds/movements.ts', from: "      if (debit.isFrozen) return 'wallet_frozen';\n", to: '' },
    ],
    args: ['--seed', '1', '--minutes', '0.4', '--faults', 'worker-kill'],
    expects: ['frozen-ignored'],
  },
  {
    name: 'replica-will-do',
    says: 'whoever answers a PING is taken for a primary, and nobody looks for another one',
    patches: [
      {
        file: 'shared/queue/redisBackend.ts',
        from: "  await connection.set(WRITTEN_KEY, '', 'PX', WRITTEN_FOR_MS);\n",
        to: '  await connection.ping();\n  void [WRITTEN_KEY, WRITTEN_FOR_MS];\n',
      },
      { file: 'shared/queue/redisConnections.ts', from: '      return isElsewhere;\n', to: '      return false;\n' },
    ],
    // Once: a second failover would make the old one the primary again.
    args: ['--seed', '1', '--minutes', '0.8', '--faults', 'redis-demote', '--every', '60', '--settle', '10'],
    expects: ['slow-in-peace', 'refused-in-peace', 'promise-broken'],
  },
  {
    name: 'holds-on',
    says: 'a connection to Redis that swallows what is sent is kept',
    patches: [
      {
        file: 'shared/queue/redisConnections.ts',
        from: '(await isAnsweredAnew(connection)) && isOpen(connection)',
        to: '(await isAnsweredAnew(connection)) && !isOpen(connection)',
      },
      { file: 'shared/queue/redisConnections.ts', from: '    socketTimeout: SILENCE_LIMIT_MS,\n', to: '' },
    ],
    args: ['--seed', '1', '--minutes', '0.8', '--faults', 'half-open', '--every', '8', '--settle', '10'],
    expects: ['refused-in-peace', 'slow-in-peace', 'lost-in-peace'],
  },
];
