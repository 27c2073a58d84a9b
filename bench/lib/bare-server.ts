// What the daemon is compared with: a bare node:http server that writes a recorded stream, frame by frame, to as many connections at the same
// pace. It knows no jobs: POST /setup tells it what to write, and after a POST to /start the first streams run, the others in their turn.
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One stream of the daemon, cut where its frames are. */
export interface Recording {
  readonly before: string;
  readonly tokens: readonly string[];
  readonly after: string;
}

export interface BareSetup {
  readonly recording: Recording;
  /** Streams that run at the same time; the others wait for their turn. */
  readonly slots: number;
  readonly stepDelayMs: number;
}

interface Stream {
  readonly response: ServerResponse;
  next: number;
}

const waiting: Stream[] = [];
const running = new Set<Stream>();
let setup: BareSetup | undefined;

process.on("disconnect", () => process.exit(0));
const server = createServer((request, response) => {
  switch (request.url) {
    case "/setup": {
      let body = "";
      request.on("data", (part) => (body += String(part)));
      request.on("end", () => {
        setup = JSON.parse(body) as BareSetup;
        response.end();
      });
      break;
    }
    case "/start":
      response.end();
      if (setup !== undefined) step(setup);
      break;
    default:
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
      response.flushHeaders();
      response.write(setup?.recording.before ?? "");
      waiting.push({ response, next: 0 });
  }
});
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ type: "listening", url, pid: process.pid })}\n`);
});

function step({ recording, slots, stepDelayMs }: BareSetup): void {
  for (const stream of waiting.splice(0, slots - running.size)) running.add(stream);
  for (const stream of running) advance(stream, recording);
  if (running.size + waiting.length > 0) setTimeout(() => step({ recording, slots, stepDelayMs }), stepDelayMs);
}

function advance(stream: Stream, { tokens, after }: Recording): void {
  const frame = tokens[stream.next];
  stream.next += 1;
  if (frame !== undefined) return void stream.response.write(frame);
  stream.response.end(after);
  running.delete(stream);
}
