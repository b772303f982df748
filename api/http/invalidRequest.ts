/** The one way to say which fields of a request broke which rules. */
import { Problem } from './problem.ts';
import type { FieldError } from './problem.ts';

/** A path may be made of the client's own keys. */
const PATH_LENGTH = 100;

export function invalidRequest(broken: readonly FieldError[]): Problem {
  const errors = broken.map(({ path, message }) => ({ path: path.slice(0, PATH_LENGTH), message }));
  const named = errors.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new Problem('invalid_request', { detail: `Not valid: ${named}.`, errors });
}
