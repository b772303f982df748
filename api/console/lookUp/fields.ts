/** What the console's forms and paths are made of. They send text, and an empty text for what was left empty. */
import { z } from 'zod';
import { detailsField, walletIdField } from '../../http/schemas.ts';

/** The number of a wallet, or of a user. */
export const walletNumber = z
  .string()
  .regex(/^\d{1,16}$/, 'must be a number')
  .transform(Number)
  .pipe(walletIdField);

/** Why an operator does something to somebody's wallet. */
export const typedReasonField = detailsField.trim().refine((text) => text.length > 0, 'must be given');
