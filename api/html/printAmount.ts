/** Amounts as people read them. */
import { amountToNumber, currencyExponent } from '../../shared/ledger/money.ts';

export type PrintAmount = (amountMinor: bigint, options?: { signed: boolean }) => string;

/** One for each currency that was ever printed: making one takes longer than many prints. */
const printers = new Map<string, PrintAmount>();

export function printerFor(currency: string): PrintAmount {
  const known = printers.get(currency);
  if (known) return known;
  const made = makePrinter(currency);
  printers.set(currency, made);
  return made;
}

/** All the decimals of the currency, and thousands apart by a space: a comma would mean something else to half the world. */
function makePrinter(currency: string): PrintAmount {
  const minimumFractionDigits = currencyExponent(currency);
  const plain = new Intl.NumberFormat('en', { minimumFractionDigits });
  const signed = new Intl.NumberFormat('en', { minimumFractionDigits, signDisplay: 'exceptZero' });
  return (amountMinor, options) => {
    const amount = amountToNumber(amountMinor, currency);
    return (options?.signed ? signed : plain).format(amount).replaceAll(',', '\u00a0');
  };
}
