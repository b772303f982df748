// The import directions of docs/ARCHITECTURE.md, enforced.
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans-resolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'ledger-is-pure',
      comment: 'shared/ledger decides about money: no I/O, no library, no clock, nothing outside itself.',
      severity: 'error',
      from: { path: '^shared/ledger/' },
      to: { pathNot: '^shared/ledger/' },
    },
    {
      name: 'shared-knows-no-process',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(api|worker|cli|tests|bench)/' },
    },
    { name: 'api-not-worker', severity: 'error', from: { path: '^api/' }, to: { path: '^(worker|cli|tests|bench)/' } },
    { name: 'worker-not-api', severity: 'error', from: { path: '^worker/' }, to: { path: '^(api|cli|tests|bench)/' } },
    {
      name: 'worker-knows-no-http',
      severity: 'error',
      from: { path: '^worker/' },
      to: { path: '^(express|node:http|http)' },
    },
    {
      name: 'http-knows-no-money',
      comment: 'api/http moves requests and answers. Only the table of problems names what the ledger may refuse.',
      severity: 'error',
      from: { path: '^api/http/' },
      to: { path: '^api/(submission|kinds|wallets|routes|html|site|console)/|^shared/(ledger|queue|store)/' },
    },
    {
      name: 'submission-knows-no-kind',
      comment: 'What hands commands over asks the table of kinds, never one of them.',
      severity: 'error',
      from: { path: '^api/submission/' },
      to: { path: '^api/(kinds|wallets|routes|html|site|console)/|^shared/ledger/kinds/' },
    },
    {
      name: 'routes-import-no-page',
      severity: 'error',
      from: { path: '^api/(kinds|wallets|routes|auth|quotas)/' },
      to: { path: '^api/(html|site|console)/' },
    },
    {
      name: 'pages-import-no-route',
      severity: 'error',
      from: { path: '^api/(html|site|console)/' },
      to: { path: '^api/(routes/|kinds/\\w+Routes?\\.ts$)' },
    },
    {
      name: 'site-and-console-are-apart',
      comment: 'What both need is in api/html.',
      severity: 'error',
      from: { path: '^api/(html|site|console)/' },
      to: { path: '^api/(site|console)/', pathNot: '^api/$1/' },
    },
    { name: 'product-not-tests', severity: 'error', from: { path: '^cli/' }, to: { path: '^(tests|bench)/' } },
    {
      name: 'only-worker-writes-balances',
      severity: 'error',
      from: { path: '^(api|cli)/' },
      to: { path: '^shared/store/ledger/(applyCommands|ledgerTransaction|expireHolds)\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|prisma/generated' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
