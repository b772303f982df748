/**
 * `Bob S.` of `Bob Smith`: enough for whoever has paid somebody to know them again, and no more than that. Undefined when
 * nothing of a name is left.
 */

const MAX_LENGTH = 30;
/** What cannot be seen, and could turn the words around it. */
const UNSEEN = /[\p{Bidi_Control}\p{Cc}]/gu;

export function shortName(name: string): string | undefined {
  const [first = '', ...others] = name.replace(UNSEEN, '').trim().split(/\s+/);
  const characters = Array.from(first);
  const shown = characters.length > MAX_LENGTH ? `${characters.slice(0, MAX_LENGTH).join('')}…` : first;
  const initial = /\p{L}/u.exec(others.at(-1) ?? '')?.[0];
  return (initial === undefined ? shown : `${shown} ${initial}.`) || undefined;
}
