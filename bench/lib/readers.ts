// The load: many connections, cheap enough for one process. It parses nothing: it counts tokens by their event line, and ends by the last
// bytes.
import { connect } from "node:net";

/** So many connections that all send this request. */
export interface Crowd {
  readonly count: number;
  /** A whole HTTP request, as text. */
  readonly request: string;
}

export interface Tally {
  /** Token events. */
  tokens: number;
  bytes: number;
  /** Streams that ended with [DONE]. */
  done: number;
}

const tokenMark = Buffer.from("\nevent: token\n");
const doneMark = Buffer.from("data: [DONE]\n\n");
/** Of each connection, kept for what lies across two chunks and for the last word; longer than any mark and the end of a chunked body. */
const tailBytes = 64;
/** Connections that are being opened at the same time: below the backlog of a listening socket. */
const openingAtOnce = 100;

/** Resolves when each connection has its headers; `over` when all are closed. */
export async function openReaders(port: number, crowds: readonly Crowd[]): Promise<{ readonly over: Promise<Tally> }> {
  const requests = crowds.flatMap(({ count, request }) => Array<string>(count).fill(request));
  const tally: Tally = { tokens: 0, bytes: 0, done: 0 };
  const waiting = requests.values();
  const closings: Promise<void>[] = [];
  const lane = async (): Promise<void> => {
    for (const request of waiting) {
      const reader = read(port, request, tally);
      closings.push(reader.closed);
      await reader.answered;
    }
  };
  await Promise.all(Array.from({ length: openingAtOnce }, lane));
  return { over: Promise.all(closings).then(() => tally) };
}

function read(port: number, request: string, tally: Tally): Record<"answered" | "closed", Promise<void>> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let tail = Buffer.alloc(0);
  socket.write(request);
  socket.on("data", (chunk) => {
    tally.bytes += chunk.length;
    tally.tokens += countMarks(tail, chunk);
    tail = (chunk.length < tailBytes ? Buffer.concat([tail, chunk]) : chunk).subarray(-tailBytes);
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const answered = new Promise<void>((resolve) => socket.once("data", () => resolve()));
  return {
    answered: Promise.race([answered, closed]),
    closed: closed.then(() => {
      if (tail.includes(doneMark)) tally.done += 1;
    }),
  };
}

/** Those in the chunk, and the one that may lie across the seam. */
function countMarks(tail: Buffer, chunk: Buffer): number {
  const reach = tokenMark.length - 1;
  let found = Buffer.concat([tail.subarray(-reach), chunk.subarray(0, reach)]).includes(tokenMark) ? 1 : 0;
  for (let at = chunk.indexOf(tokenMark); at !== -1; at = chunk.indexOf(tokenMark, at + tokenMark.length)) found += 1;
  return found;
}
