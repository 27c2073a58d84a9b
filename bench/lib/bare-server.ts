// A bare node:http server for comparison with the daemon. It writes a recorded stream, frame by frame, to each of its connections, at the
// daemon's pace. It has no jobs: after POST /start, `slots` streams run at a time. Its only argument is a `BareSetup` as JSON.
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface BareSetup {
  /** Text of a stream of the daemon before its first token. `tokens` has a frame for each token, and `after` has the rest. */
  readonly before: string;
  readonly tokens: readonly string[];
  readonly after: string;
  /** Streams that run at the same time; later connections wait. */
  readonly slots: number;
  readonly stepDelayMs: number;
}

interface Stream {
  readonly response: ServerResponse;
  next: number;
}

const { before, tokens, after, slots, stepDelayMs } = JSON.parse(process.argv[2] ?? "") as BareSetup;
const waiting: Stream[] = [];
const running = new Set<Stream>();

process.on("disconnect", () => process.exit(0));
const server = createServer((request, response) => {
  if (request.url === "/start") {
    response.end();
    return step();
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
  response.flushHeaders();
  response.write(before);
  waiting.push({ response, next: 0 });
});
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ type: "listening", url, pid: process.pid })}\n`);
});

function step(): void {
  for (const stream of waiting.splice(0, slots - running.size)) running.add(stream);
  for (const stream of running) advance(stream);
  if (running.size + waiting.length > 0) setTimeout(step, stepDelayMs);
}

function advance(stream: Stream): void {
  const frame = tokens[stream.next];
  stream.next += 1;
  if (frame !== undefined) return void stream.response.write(frame);
  stream.response.end(after);
  running.delete(stream);
}
