/** What people write may be long, and nobody looks at a list for it: it begins there, and is read on when somebody wants to. */
export interface Words {
  whole: string;
  /** How it begins, when it is long. */
  short: string | undefined;
}

/** What fits on two lines of a phone. */
const SHORT = 80;

export function shorten(text: string): Words {
  const characters = Array.from(text);
  const isLong = characters.length > SHORT;
  return { whole: text, short: isLong ? `${characters.slice(0, SHORT).join('').trimEnd()}…` : undefined };
}
