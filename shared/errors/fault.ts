/**
 * An error of our own. What its message says is written by us, for operators: never what a customer has sent. That is
 * what makes it one of the few messages that are logged as they are (`describeError.ts`).
 */
export class Fault extends Error {
  override name = 'Fault';
}
