// A worker without a model, for the test of worker:test. It follows the protocol except for the fault of its mode.
// Its first argument is the mode; the flags of a worker follow.
import { spawn } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { sleep } from "@waggle/async";
import { createHiveClient } from "@waggle/client";
import { DONE, sseHeaders, type Heartbeat, type StreamEvent } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/protocol/sse";

interface Mode {
  /** The fault of this mode. */
  readonly about: string;
  /** Delay before the first event. */
  readonly holdsMs?: number;
  /** Delay between two tokens; 20 by default. */
  readonly gapMs?: number;
  /** The reported time of a token, by its index; default: the true time. */
  readonly tMs?: (index: number) => number;
  /** Number of tokens; 30 by default. */
  readonly tokens?: number;
}

const tokenCount = 30;
const tokenMs = 20;
const asComputed = (index: number): number => index * tokenMs;

const modes: Readonly<Record<string, Mode>> = {
  honest: { about: "streams each token when it is made" },
  lump: {
    about: "sends the finished text at once, with times as if it had been made token by token",
    holdsMs: tokenCount * tokenMs,
    gapMs: 0,
    tMs: asComputed,
  },
  sleeps: {
    about: "sends the finished text with sleeps between its pieces; the times are those of the computing",
    gapMs: 50,
    tMs: (index) => index,
  },
  heldBack: { about: "computes to the end, then replays at its own pace", holdsMs: 1_500 },
  silent: { about: "sends headers and pings, and never a token", tokens: 0 },
  endless: { about: "never stops", tokens: Infinity, tMs: asComputed },
  deaf: { about: "ignores SIGTERM" },
  unclean: { about: "leaves with exit code 3" },
  orphan: { about: "leaves a process behind, in a separate process group" },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { "hive-url": { type: "string" }, "worker-id": { type: "string" } },
});
const [mode = ""] = positionals;
const cheat = modes[mode];
if (cheat === undefined) throw new Error(`Unknown mode ${mode}`);
const { holdsMs = 0, gapMs = tokenMs, tMs, tokens = tokenCount } = cheat;
const workerId = String(values["worker-id"]);
const hive = createHiveClient({ baseUrl: String(values["hive-url"]) });

const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, sseHeaders);
  response.flushHeaders();
  void stream(response);
});
server.listen(0, "127.0.0.1", () => void announce());

process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => {
  if (mode !== "deaf") void leave();
});

async function announce(): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  say({ type: "listening", url, pid: process.pid });
  const about = {
    url,
    model: "none",
    state: "ready" as const,
    slots: { total: 1, busy: 0 },
    queue: { depth: 0, capacity: 1 },
    version: "0.0.0",
    worker_id: workerId,
  };
  await hive.register({ ...about, interval_ms: 1_000 });
  const heartbeat: Heartbeat = { ...about, timestamp: new Date().toISOString(), health_status: "healthy", seq: 0 };
  await hive.heartbeat(heartbeat);
  if (mode === "orphan")
    spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  say({ type: "ready", url, pid: process.pid, model: "none", backend: "fake", load_ms: 0 });
}

async function leave(): Promise<void> {
  await hive.deregister(workerId);
  process.exit(mode === "unclean" ? 3 : 0);
}

async function stream(response: ServerResponse): Promise<void> {
  const stream_id = "pretended";
  const send = (event: StreamEvent, id?: number): void => {
    const frame = { event: event.type, data: JSON.stringify(event), ...(id === undefined ? {} : { id: String(id) }) };
    response.write(encodeSse(frame));
  };
  await sleep(holdsMs);
  send({ type: "started", stream_id, model: "none", prompt_tokens: 4, cached_tokens: 0, queue_ms: 0 });
  const startedAt = performance.now();
  for (let index = 0; index < tokens && response.writable; index += 1) {
    const made = tMs?.(index) ?? performance.now() - startedAt;
    send({ type: "token", stream_id, index, text: ` word${index}`, ids: [index], t_ms: made }, index);
    if (gapMs > 0) await sleep(gapMs);
  }
  while (tokens === 0 && response.writable) {
    response.write(encodeSseComment("ping"));
    await sleep(100);
  }
  if (!response.writable) return;
  const usage = { prompt_tokens: 4, completion_tokens: tokens, total_tokens: tokens + 4, cached_tokens: 0 };
  const timings = { queue_ms: 0, prefill_ms: 1, decode_ms: 1, total_ms: 2, tokens_per_second: 1 };
  send({ type: "end", stream_id, finish_reason: "length", usage, timings }, tokens);
  response.end(encodeSse({ data: DONE }));
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
