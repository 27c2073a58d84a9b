// Shows that a client can leave at any time, and that no job, no reader and no open stream remain afterwards.
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { deferred } from "@waggle/async";
import { createStepGate } from "@waggle/engine/testing";
import { listen } from "@waggle/front";
import type { ListeningServer } from "@waggle/front";
import { createFakeClock } from "@waggle/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { InlineLink } from "../../testing/inline-engine.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start } = useInlineWorker();
let server: ListeningServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const chat = { messages: [{ role: "user", content: "endless" }] };

/** Delays the worker's commands to its engine, so that jobs wait while they are being accepted. */
function holdingLink(expected: number): InlineLink & { arrived: Promise<void>; release(): void } {
  const arrived = deferred<void>();
  let held: (() => void)[] | undefined = [];
  return {
    arrived: arrived.promise,
    command(_, deliver) {
      if (held === undefined) return queueMicrotask(deliver);
      held.push(deliver);
      if (held.length === expected) arrived.resolve();
    },
    event: (_, deliver) => deliver(),
    release() {
      const due = held ?? [];
      held = undefined;
      for (const deliver of due) deliver();
    },
  };
}

/** Resolves when this many jobs have been accepted. */
function acceptance(count: number): Promise<void> {
  const { registry } = worker;
  const { add } = registry;
  const accepted = deferred<void>();
  registry.add = (job) => {
    add(job);
    if (registry.liveCount === count) accepted.resolve();
  };
  return accepted.promise;
}

async function serve(
  options: InlineWorkerOptions,
  readerStallTimeoutMs = 30_000,
): Promise<(requests: string) => Promise<Socket>> {
  start(options);
  const limits = { maxConnections: 100, requestTimeoutMs: 30_000, readerStallTimeoutMs };
  server = await listen(worker.app, "127.0.0.1", 0, limits);
  const port = Number(new URL(server.url).port);
  return async (requests) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(requests);
    return socket;
  };
}

function requestOf(path: string, body: unknown): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

const kinds = [
  ["a collected answer", "/v1/chat/completions", chat],
  ["a collected completion", "/v1/completions", { prompt: "endless" }],
  ["a streamed answer", "/v1/chat/completions", { ...chat, stream: true }],
  ["an inference", "/v1/inference", { prompt: "endless" }],
] as const;

describe("a client that leaves while its job is being accepted", () => {
  it.each(kinds)("gets no job when it closes its connection: %s", async (_, path, body) => {
    const count = 6;
    const link = holdingLink(count);
    // The clock stands still, so that no preflight times out on a busy machine.
    const clock = createFakeClock();
    const send = await serve({ slots: 2, link, queueCapacity: 16, gate: createStepGate(), clock });
    const sockets = await Promise.all(Array.from({ length: count }, () => send(requestOf(path, body))));
    await link.arrived;
    for (const socket of sockets) socket.destroy();
    await server?.answered();
    link.release();
    await expect.poll(() => [worker.app.streams.open, worker.preparedJobs]).toEqual([0, 0]);
    expect([worker.registry.liveCount, worker.registry.endedCount]).toEqual([0, 0]);
  });
});

it("a job that continues without readers is accepted though its client leaves meanwhile", async () => {
  const link = holdingLink(1);
  const send = await serve({ slots: 1, link, gate: createStepGate(), clock: createFakeClock() });
  const socket = await send(requestOf("/v1/jobs", { prompt: "endless", on_disconnect: "continue" }));
  await link.arrived;
  socket.destroy();
  await server?.answered();
  link.release();
  await expect.poll(() => worker.registry.liveCount).toBe(1);
});

describe("a client that leaves with pipelined requests on its connection", () => {
  it.each(kinds)("causes the end of its jobs: %s", async (_, path, body) => {
    const gate = createStepGate();
    const send = await serve({ slots: 3, gate });
    const accepted = acceptance(3);
    const first = requestOf("/v1/inference", { prompt: "endless" });
    const socket = await send(first + requestOf(path, body) + requestOf(path, body));
    await accepted;
    socket.destroy();
    gate.open();
    await worker.dispatcher.idle();
    await server?.answered();
    expect(worker.app.streams.open).toBe(0);
  });
});

describe("a connected client that does not read", () => {
  it("loses its connection and its answers", async () => {
    const send = await serve({ slots: 1 }, 50);
    // Twelve of these answers are larger than the buffers of both sockets.
    const text = "x".repeat(500_000);
    const socket = await send(requestOf("/tokenize", { content: text }).repeat(12));
    await once(socket, "readable");
    await server?.answered();
    socket.destroy();
  });
});
