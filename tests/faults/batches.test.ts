// Tests that each line of a batch is answered once while the daemon and its engine are killed: at random moments, and at each status of the batch.
// `pnpm test:long` kills twenty times in a batch of 2,000 lines.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, logged } from "@waggle/testing/harness";
import type OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answered, createBatch, idsOf, isOver, openAiOf, resultIds, untilBatch } from "../support/batch.ts";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";
import type { ListeningWorker } from "../support/daemon.ts";
import { howToRepeat, isLong, limitMs, rowsOfKind, say, seed } from "../support/long.ts";

const kills = isLong ? 20 : 3;
const lines = isLong ? 2_000 : 120;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-batches-"))));
afterEach(killDaemons);

interface Server {
  readonly worker: ListeningWorker;
  readonly openai: OpenAI;
}

async function serve(): Promise<Server> {
  // Each answer takes some steps, so that a kill finds lines that run.
  const flags = ["--worker-id", "batches", "--slots", "4", "--fake-step-delay", "1ms"];
  const worker = await spawnFakeWorker(flags, { env: { XDG_STATE_HOME: folder } });
  return { worker, openai: openAiOf(worker.url) };
}

async function kill(worker: ListeningWorker): Promise<void> {
  worker.signal("SIGKILL");
  await worker.exited;
}

test(
  `a batch answers each line once: ${kills} kills of the daemon and of its engine`,
  { timeout: limitMs },
  async () => {
    const random = createRandom(seed);
    let server = await serve();
    const id = await createBatch(server.openai, lines);
    const killed = { daemon: 0, engine: 0 };
    for (let done = 0; done < kills; done += 1) {
      const [from, to] = [done, done + 1].map((part) => Math.floor((part * (lines - 1)) / kills));
      const wanted = random.between(from ?? 0, to ?? 0);
      await untilBatch(server.openai, id, (batch) => isOver(batch) || answered(batch) >= wanted);
      const victim = random.pick(["daemon", "engine"] as const);
      killed[victim] += 1;
      if (victim === "daemon") {
        await kill(server.worker);
        server = await serve();
      } else {
        const { log } = server.worker;
        process.kill(Number(log.lines.findLast(logged("engine_start"))?.["engine_pid"]), "SIGKILL");
      }
    }
    const batch = await untilBatch(server.openai, id, isOver);
    say(JSON.stringify({ seed, killed, counts: batch.request_counts }));
    expect([batch.status, batch.request_counts, howToRepeat]).toEqual([
      "completed",
      { total: lines, completed: lines, failed: 0 },
      howToRepeat,
    ]);
    expect(await resultIds(server.openai, batch)).toEqual(idsOf(lines));
  },
);

const statuses = [
  { status: "cancelling", ends: "cancelled" },
  { status: "validating", ends: "completed" },
  { status: "in_progress", ends: "completed" },
  { status: "finalizing", ends: "completed" },
];

test.each(rowsOfKind(statuses))(
  "a batch that is killed while $status is $ends later",
  { timeout: limitMs },
  async ({ status, ends }) => {
    const { worker, openai } = await serve();
    const id = await createBatch(openai, lines);
    if (status === "in_progress" || status === "cancelling") {
      await untilBatch(openai, id, (batch) => answered(batch) > 0);
    }
    if (status === "cancelling") await openai.batches.cancel(id);
    if (status === "finalizing") await untilBatch(openai, id, (batch) => isOver(batch) || batch.status === status);
    await kill(worker);
    const next = await serve();
    const batch = await untilBatch(next.openai, id, isOver);
    expect(batch.status).toBe(ends);
    expect(await resultIds(next.openai, batch)).toEqual(idsOf(lines));
  },
);
