// Tests over HTTP that a conversation's prefix is kept when another one takes its slot, the engine crashes or the worker restarts.
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StreamEvent } from "@waggle/protocol";
import type { WorkerClient } from "@waggle/client";
import { parseMetrics } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import { afterEach, expect, it } from "vitest";
import { killDaemons, spawnModelWorker } from "../support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "prefix-store-"));
afterEach(killDaemons);

/** A prefix comes back if a transfer takes less time than computing it. Here it takes a hundredth, so that a busy machine changes nothing. */
const sizes = { layers: 4, width: 1_024, heads: 16, kvHeads: 1, feedForward: 4_096, vocabulary: 1_024, context: 512 };
const model = join(folder, "wide.gguf");
writeRandomModel({ ...shapeNamed("15m"), ...sizes }, model);
/** With one slot, each conversation takes it from the previous one. */
const flags = ["--model", model, "--slots", "1", "--threads", "1"];
const sentence = " Lily and Tom went to the park to play with a red ball and a little dog.";
const opening = (name: string): string => `Once there was a child called ${name}.${sentence.repeat(8)}\n`;

interface Reply {
  readonly text: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

async function tell(client: WorkerClient, name: string, prompt: string): Promise<Reply> {
  const events: StreamEvent[] = [];
  const request = { prompt, session_id: name, max_tokens: 8, temperature: 0, ignore_eos: true };
  for await (const event of client.inference(request)) events.push(event);
  const started = events.find((event) => event.type === "started");
  if (started === undefined) throw new Error(`The stream has no started event: ${JSON.stringify(events)}`);
  const text = events.map((event) => (event.type === "token" ? event.text : "")).join("");
  return { text, promptTokens: started.prompt_tokens, cachedTokens: started.cached_tokens };
}

/** Runs the first turns of two conversations. Afterwards the second conversation has the slot. */
async function openTwo(client: WorkerClient): Promise<{ readonly prompt: string; readonly turn: Reply }> {
  const turn = await tell(client, "Anna", opening("Anna"));
  expect(turn.cachedTokens).toBeLessThan(8);
  await tell(client, "Ben", opening("Ben"));
  return { prompt: `${opening("Anna")}${turn.text}`, turn };
}

it("a conversation that lost its slot gets its prefix back, also after a crash of the engine", async () => {
  const worker = await spawnModelWorker(flags);
  const { prompt, turn } = await openTwo(worker.client);
  const back = await tell(worker.client, "Anna", prompt);
  expect(back.cachedTokens).toBeGreaterThanOrEqual(turn.promptTokens);

  await tell(worker.client, "Ben", opening("Ben"));
  const { engine_pid: engine } = await worker.line("ready");
  process.kill(engine as number, "SIGKILL");
  await worker.log.line(
    "the start of the next engine",
    (line) => line["msg"] === "engine_start" && line["start"] === 2,
  );
  const revived = await tell(worker.client, "Anna", prompt);
  expect(revived.cachedTokens).toBeGreaterThanOrEqual(turn.promptTokens);
  expect(revived.text).toBe(back.text);

  const metrics = parseMetrics(await (await fetch(`${worker.url}/metrics`)).text());
  expect(metrics.sum("waggle_prefix_transfers_total", { operation: "load" })).toBeGreaterThanOrEqual(2);
  expect(metrics.sum("waggle_prefix_states")).toBeGreaterThanOrEqual(2);
  expect(metrics.sum("waggle_prefix_bytes")).toBeGreaterThan(10_000);
});

it("the store is deleted when the worker exits", async () => {
  const worker = await spawnModelWorker(flags);
  await openTwo(worker.client);
  const own = (): string[] =>
    ["/dev/shm", tmpdir()]
      .filter((parent) => existsSync(parent))
      .flatMap((parent) => readdirSync(parent).filter((name) => name.startsWith(`waggle-prefixes-${worker.pid}-`)));
  expect(own()).toHaveLength(1);
  worker.signal("SIGTERM");
  await worker.exited;
  expect(own()).toEqual([]);
});

it("the store is kept for the next worker in the folder of --prefix-store-dir", async () => {
  const kept = [...flags, "--prefix-store-dir", join(folder, "store")];
  const first = await spawnModelWorker(kept);
  const { prompt, turn } = await openTwo(first.client);
  first.signal("SIGTERM");
  await first.exited;
  const second = await spawnModelWorker(kept);
  const back = await tell(second.client, "Anna", prompt);
  expect(back.cachedTokens).toBeGreaterThanOrEqual(turn.promptTokens);
  second.signal("SIGTERM");
  await second.exited;
});
