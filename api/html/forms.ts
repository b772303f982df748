/**
 * What the forms share. A form of ours needs no token against other sites: every browser says with a form where it comes
 * from (`Origin`, `Sec-Fetch-Site`), `csrf.ts` refuses what is not ours, logging in and signing up included, and the
 * session's cookie is `SameSite=Lax`, so a form from elsewhere comes without it. A token would be a third lock on the
 * same door, with a state of its own to expire under people's hands.
 */
import type { Response } from 'express';
import type { Problem } from '../http/problem.ts';

/** What was sent, and why it was not done. */
export interface Refused {
  given: Record<string, unknown>;
  problem: Problem;
}

/** One line of a form, as the template prints it. */
export interface Field {
  name: string;
  label: string;
  type: string;
  autocomplete: string;
  hint?: string;
  inputmode?: string;
  isOptional?: boolean;
}

/** What the form template is given. */
export interface FormView {
  action: string;
  /** Says what the button does. */
  submit: string;
  fields: readonly Field[];
  /** What was typed, and what is wrong with it, by field. */
  values: Record<string, unknown>;
  errors: Record<string, string>;
  /** What is wrong with none of the fields. */
  error?: string | undefined;
  /** What its sender is asked or told, when nothing is wrong with it. */
  question?: string;
  hidden: Record<string, string>;
  /** The way out of a question. */
  cancel?: { text: string; href: string };
  /** The field that has the focus when the page appears. */
  focus?: string | undefined;
}

/** The labels by field name. */
export function labelsOf(fields: readonly Field[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, label }) => [name, label]));
}

/** After a form the browser asks for a page, which it may reload as often as it likes. */
export function seeOther(res: Response, location: string): void {
  res.statusCode = 303;
  res.setHeader('Location', location);
  res.setHeader('Cache-Control', 'no-store');
  res.end();
}
