/** Our texts have two kinds of Markdown in them, as OpenAPI allows: `code` and [links](/problems/). */
export interface Span {
  kind: 'text' | 'code' | 'link';
  text: string;
  /** Of a link: a path of ours, or HTTPS. */
  href?: string | undefined;
}

const MARKED = /`([^`]+)`|\[([^\]]+)\]\((\/[^)\s]*|https:\/\/[^)\s]+)\)/g;

/** The text in pieces, for a template to escape and print. What is not marked up rightly stays as it is. */
export function readProse(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const { 0: whole, 1: code, 2: label, 3: href, index } of text.matchAll(MARKED)) {
    if (index > end) spans.push({ kind: 'text', text: text.slice(end, index) });
    spans.push(code === undefined ? { kind: 'link', text: label ?? '', href } : { kind: 'code', text: code });
    end = index + whole.length;
  }
  if (end < text.length) spans.push({ kind: 'text', text: text.slice(end) });
  return spans;
}
