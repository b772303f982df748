/**
 * The HTTP side that both baselines share: `POST /api/wallet_to_wallet` with the service's own requests and answers, in
 * Express. It does less than the service for each request (no security headers, no metrics, no promises), which is to
 * the baselines' advantage.
 */
import express from 'express';
import type { Express } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { createCommand } from '../../api/submission/command.ts';
import type { Command } from '../../shared/ledger/command.ts';
import { amountToNumber, parseAmount } from '../../shared/ledger/money.ts';
import type { Pool } from '../../shared/store/database/pool.ts';
import { createIdentify } from './sessions.ts';
import type { Applied } from './applyTransfer.ts';

const CURRENCY = 'RUB';

const bodySchema = z.strictObject({
  wallet_id: z.int().positive(),
  amount: z.union([z.number(), z.string()]),
  details: z.string().max(1000).optional(),
});

export interface TransferDeps {
  /** For sessions. */
  pool: Pool;
  sessionSecret: string;
  transfer: (command: Command) => Promise<Applied>;
}

export function createTransferApp({ pool, sessionSecret, transfer }: TransferDeps): Express {
  const identify = createIdentify(pool, sessionSecret);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post('/api/wallet_to_wallet', express.json(), async (req, res) => {
    const payer = await identify(req.headers.cookie ?? '');
    if (!payer) {
      res.status(401).json({ code: 'unauthenticated' });
      return;
    }
    const body = bodySchema.safeParse(req.body);
    const amount = body.success ? parseAmount(body.data.amount, CURRENCY) : undefined;
    if (!body.success || !amount?.ok) {
      res.status(400).json({ code: 'invalid_request' });
      return;
    }
    const command = createCommand(
      {
        kind: 'transfer',
        debitWalletId: payer.walletId,
        creditWalletId: BigInt(body.data.wallet_id),
        amountMinor: amount.amountMinor,
        currency: CURRENCY,
        initiatorId: payer.userId,
        requestId: uuidv7(),
        details: body.data.details,
        externalId: undefined,
        idempotencyKey: req.get('Idempotency-Key'),
      },
      Date.now(),
    );
    const applied = await transfer(command);
    if (applied.state !== 'applied') {
      res.status(422).json({ code: applied.reason, operation_id: command.id });
      return;
    }
    const balance = amountToNumber(applied.balanceMinor, CURRENCY);
    res.json({ status: 'OK', operation_id: command.id, wallet_id: Number(payer.walletId), balance });
  });
  return app;
}
