/** What each kind of operation asks for beside an amount, as it travels: `terms` of a command. */
import { z } from 'zod';
import type { KindName } from '../ledger/command.ts';
import { MAX_EXPIRES_IN } from '../ledger/kinds/holds.ts';

const NOTHING = z.undefined();

export const TERMS: Readonly<Record<KindName, z.ZodType>> = {
  deposit: NOTHING,
  transfer: NOTHING,
  freeze: NOTHING,
  unfreeze: NOTHING,
  hold: z.strictObject({ expiresIn: z.number().int().min(1).max(MAX_EXPIRES_IN).optional() }).optional(),
  capture: z.strictObject({ isFinal: z.boolean().optional() }).optional(),
  release: NOTHING,
  hold_expiry: NOTHING,
};
