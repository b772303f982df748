/** The ends of answers, wherever the network cuts them. */
import { expect, test } from 'vitest';
import { createAnswerReader } from '../../bench/harm/answerReader.ts';

const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const EMPTY = 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n';
const CHUNKED = 'HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';

test.each([1, 2, 7, 1_000])('answers that follow one another are told apart in pieces of %i bytes', (size) => {
  for (const answer of [SIZED, EMPTY, CHUNKED]) {
    const statuses: string[] = [];
    const read = createAnswerReader((status) => statuses.push(status));
    // A client that waits for an answer before it sends again never finds two in one piece.
    for (const each of [answer, answer]) {
      for (let at = 0; at < each.length; at += size) read(Buffer.from(each.slice(at, at + size)));
    }
    expect(statuses).toEqual([answer.slice(9, 12), answer.slice(9, 12)]);
  }
});
