// The load: many connections in a process of their own, so that none of their cost is the server's. It parses nothing: it counts tokens by
// their event line, and ends by the last bytes.
import { connect } from "node:net";
import type { Crowd, ReadersCommand, ReadersReport } from "./messages.ts";

const tokenMark = Buffer.from("\nevent: token\n");
const doneMark = Buffer.from("data: [DONE]\n\n");
/** Of each connection, kept for what lies across two chunks and for the last word; longer than any mark and the end of a chunked body. */
const tailBytes = 64;
/** Connections that are being opened at the same time: below the backlog of a listening socket. */
const openingAtOnce = 100;

let tokens = 0;
let bytes = 0;
let done = 0;

const report = (message: ReadersReport): void => void process.send?.(message);

process.on("message", ({ port, crowds }: ReadersCommand) => open(port, crowds));
process.on("disconnect", () => process.exit(0));

function open(port: number, crowds: readonly Crowd[]): void {
  tokens = bytes = done = 0;
  const requests = crowds.flatMap(({ count, request }) => Array.from({ length: count }, () => request));
  let next = 0;
  let answered = 0;
  let closed = 0;

  function openNext(): void {
    const request = requests[next];
    if (request === undefined) return;
    next += 1;
    read(port, request, {
      onHead() {
        answered += 1;
        openNext();
        if (answered === requests.length) report({ type: "open" });
      },
      onClosed() {
        closed += 1;
        if (closed === requests.length) report({ type: "over", tokens, bytes, done });
      },
    });
  }

  for (let index = 0; index < openingAtOnce; index += 1) openNext();
}

interface ReadCallbacks {
  readonly onHead: () => void;
  readonly onClosed: () => void;
}

function read(port: number, request: string, { onHead, onClosed }: ReadCallbacks): void {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let tail = Buffer.alloc(0);
  let headed = false;
  socket.write(request);
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    tokens += countMarks(tail, chunk);
    tail = (chunk.length < tailBytes ? Buffer.concat([tail, chunk]) : chunk).subarray(-tailBytes);
    if (!headed) onHead();
    headed = true;
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    if (tail.includes(doneMark)) done += 1;
    onClosed();
  });
}

/** Those in the chunk, and the one that may lie across the seam. */
function countMarks(tail: Buffer, chunk: Buffer): number {
  const reach = tokenMark.length - 1;
  let found = Buffer.concat([tail.subarray(-reach), chunk.subarray(0, reach)]).includes(tokenMark) ? 1 : 0;
  for (let at = chunk.indexOf(tokenMark); at !== -1; at = chunk.indexOf(tokenMark, at + tokenMark.length)) found += 1;
  return found;
}
