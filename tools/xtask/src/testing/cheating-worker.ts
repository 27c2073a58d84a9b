// A worker that only pretends, for the test of worker:test: it keeps to the protocol as far as its mode lets it and has no model.
// Its first argument is the mode; the flags of a worker follow.
import { spawn } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { sleep } from "@waggle/async";
import { createHiveClient } from "@waggle/client";
import { DONE, sseHeaders, type Heartbeat, type StreamEvent } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/sse";

const modes = {
  honest: "streams each token when it is made",
  lump: "sends the finished text at once, with times as if it had been made token by token",
  sleeps: "sends the finished text with sleeps between its pieces; the times are those of the computing",
  heldBack: "computes to the end, then replays at its own pace",
  silent: "sends headers and pings, and never a token",
  endless: "never stops",
  deaf: "ignores SIGTERM",
  unclean: "leaves with exit code 3",
  orphan: "leaves a process behind, in a group of its own",
} as const;
type Mode = keyof typeof modes;

const tokenCount = 30;
const tokenMs = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { "hive-url": { type: "string" }, "worker-id": { type: "string" } },
});
const mode = positionals[0] as Mode;
if (!(mode in modes)) throw new Error(`Unknown mode ${mode}`);
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
  const answer = writerTo(response);
  if (mode === "heldBack") await sleep(1_500);
  answer.started();
  switch (mode) {
    case "lump":
      await sleep(tokenCount * tokenMs);
      for (let i = 0; i < tokenCount; i += 1) answer.token(i, i * tokenMs);
      break;
    case "sleeps":
      for (let i = 0; i < tokenCount; i += 1) {
        answer.token(i, i);
        await sleep(50);
      }
      break;
    case "silent":
      while (response.writable) {
        response.write(encodeSseComment("ping"));
        await sleep(100);
      }
      return;
    case "endless":
      for (let i = 0; response.writable; i += 1) {
        answer.token(i, i * tokenMs);
        await sleep(tokenMs);
      }
      return;
    case "honest":
    case "heldBack":
    case "deaf":
    case "unclean":
    case "orphan": {
      const startedAt = performance.now();
      for (let i = 0; i < tokenCount; i += 1) {
        answer.token(i, performance.now() - startedAt);
        await sleep(tokenMs);
      }
    }
  }
  answer.end();
}

interface AnswerWriter {
  started(): void;
  token(index: number, tMs: number): void;
  end(): void;
}

function writerTo(response: ServerResponse): AnswerWriter {
  const stream_id = "pretended";
  const send = (event: StreamEvent, id?: number): void => {
    const frame = { event: event.type, data: JSON.stringify(event), ...(id === undefined ? {} : { id: String(id) }) };
    response.write(encodeSse(frame));
  };
  return {
    started: () => send({ type: "started", stream_id, model: "none", prompt_tokens: 4, cached_tokens: 0, queue_ms: 0 }),
    token: (index, t_ms) => send({ type: "token", stream_id, index, text: ` word${index}`, t_ms }, index),
    end() {
      const usage = { prompt_tokens: 4, completion_tokens: tokenCount, total_tokens: tokenCount + 4, cached_tokens: 0 };
      const timings = { queue_ms: 0, prefill_ms: 1, decode_ms: 1, total_ms: 2, tokens_per_second: 1 };
      send({ type: "end", stream_id, finish_reason: "length", usage, timings }, tokenCount);
      response.end(encodeSse({ data: DONE }));
    },
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
