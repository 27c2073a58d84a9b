// What the daemon is compared with: a bare node:http server that writes a recorded stream, frame by frame, to as many connections at the same
// pace. It knows no jobs: after a POST to /start the first streams run, the others in their turn.
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BareSetup } from "./messages.ts";

interface Stream {
  readonly response: ServerResponse;
  next: number;
}

process.once("message", (setup: BareSetup) => serve(setup));
process.on("disconnect", () => process.exit(0));

function serve({ recording, slots, stepDelayMs }: BareSetup): void {
  const waiting: Stream[] = [];
  const running = new Set<Stream>();

  const server = createServer((request, response) => {
    if (request.url === "/start") {
      response.end();
      return step();
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
    response.flushHeaders();
    response.write(recording.before);
    waiting.push({ response, next: 0 });
  });

  function step(): void {
    while (running.size < slots) {
      const stream = waiting.shift();
      if (stream === undefined) break;
      running.add(stream);
    }
    for (const stream of running) advance(stream);
    if (running.size + waiting.length > 0) setTimeout(step, stepDelayMs);
  }

  function advance(stream: Stream): void {
    const frame = recording.tokens[stream.next];
    stream.next += 1;
    if (frame !== undefined) return void stream.response.write(frame);
    stream.response.end(recording.after);
    running.delete(stream);
  }

  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}
