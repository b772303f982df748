/** Finds the ends of HTTP/1.1 answers in what a socket receives, and keeps nothing of them but the status. */

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

/** `onAnswer` is told of every answer once it is whole. */
export function createAnswerReader(onAnswer: (status: string) => void): (chunk: Buffer) => void {
  let head = '';
  let status = '';
  /** Of the body: undefined while the head is read, a count of bytes, or until the last chunk. */
  let rest: number | 'chunked' | undefined;
  let tail = '';

  const read = (text: string): void => {
    if (rest === undefined) {
      head += text;
      const end = head.indexOf(HEAD_END);
      if (end === -1) return;
      const after = head.slice(end + HEAD_END.length);
      status = head.slice(9, 12);
      const length = /^content-length: *(\d+)/im.exec(head.slice(0, end))?.[1];
      rest = length === undefined ? 'chunked' : Number(length);
      [head, tail] = ['', ''];
      read(after);
    } else if (rest === 'chunked') {
      tail = (tail + text).slice(-LAST_CHUNK.length);
      if (tail === LAST_CHUNK) finish();
    } else {
      rest -= text.length;
      if (rest <= 0) finish();
    }
  };
  const finish = (): void => {
    rest = undefined;
    onAnswer(status);
  };
  return (chunk) => read(chunk.toString('latin1'));
}
