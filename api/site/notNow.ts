/**
 * What people are told when something is not refused for good, only not done now: what has become of it, and above all of
 * their money, and then what to do.
 */
import { PROBLEMS } from '../../shared/problems.ts';
import type { Code } from '../../shared/problems.ts';
import type { Problem } from '../http/problem.ts';

/** The codes that leave open what becomes of what was asked for. */
type NotNow = Extract<Code, 'rate_limited' | 'overloaded' | 'outcome_unknown' | 'unavailable'>;

/** To send a payment, to look at a page, to do anything else. */
type Asked = 'payment' | 'look' | 'other';

export interface Words {
  title: string;
  text: string;
}

const NOTHING: Record<Asked, string> = {
  payment: 'Nothing was paid this time.',
  look: 'A payment that you have sent goes on all the same.',
  other: 'Nothing was done just now.',
};

/** What has become of what was asked for. */
const NOT_NOW: Record<NotNow, Record<Asked | 'title', string>> = {
  rate_limited: { title: 'Too many attempts', ...NOTHING },
  overloaded: { title: 'Saldo is very busy', ...NOTHING },
  unavailable: { title: 'Saldo cannot be reached just now', ...NOTHING },
  outcome_unknown: {
    ...{ title: 'It is not known yet what has become of this', look: NOTHING.look },
    payment: 'The payment may be under way, or it may not have been made.',
    other: 'It may have been done.',
  },
};

/** An earlier try with the same form may have paid as well: its key makes that the only payment. */
const WHAT_TO_DO: Record<Asked, (when: string) => string> = {
  payment: (when) => `Send this same form again ${when}: it never pays twice.`,
  look: (when) => `Load this page again ${when}.`,
  other: (when) => `Try again ${when}.`,
};

/** Undefined for what is refused for good. */
export function notNow({ code, extras }: Problem, asked: Asked): Words | undefined {
  if (!isNotNow(code)) return undefined;
  const { title, [asked]: fact } = NOT_NOW[code];
  // What was asked may know better what has become of it, as sign-up does.
  if (asked === 'other' && extras.detail !== undefined) return { title, text: extras.detail };
  const seconds = extras.retryAfterSeconds ?? PROBLEMS[code].retryAfterSeconds ?? 1;
  return { title, text: `${fact} ${WHAT_TO_DO[asked](printWhen(seconds))}` };
}

function isNotNow(code: Code): code is NotNow {
  return code in NOT_NOW;
}

const MINUTE_S = 60;

/** `in a moment`, `in 12 seconds`, `in 3 minutes`. */
function printWhen(seconds: number): string {
  if (seconds <= 1) return 'in a moment';
  if (seconds < MINUTE_S) return `in ${seconds} seconds`;
  const minutes = Math.ceil(seconds / MINUTE_S);
  return minutes === 1 ? 'in a minute' : `in ${minutes} minutes`;
}
