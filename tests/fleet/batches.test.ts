// Tests that a gateway's batch answers each line once while a worker, NATS and the gateway itself are killed.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGate, createProcessGroups, startGateway, startNats, startWorker } from "@waggle/testing/harness";
import type { Gate, Gateway, NatsServer, Worker } from "@waggle/testing/harness";
import { needs } from "@waggle/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answered, createBatch, idsOf, isOver, openAiOf, resultIds, untilBatch } from "../support/batch.ts";

const groups = createProcessGroups("batches");
const lines = 150;

describe("a batch at a gateway", needs("nats-server"), () => {
  let folder: string;
  let nats: NatsServer;
  let gate: Gate;
  let stepping: NodeJS.Timeout;

  async function serve(): Promise<Gateway> {
    const flags = ["--nats-url", nats.url, "--gateway-id", "batches"];
    return await startGateway(groups, { flags, env: { ...process.env, XDG_STATE_HOME: folder } });
  }

  async function work(id: string): Promise<Worker> {
    const flags = [...gate.flags, "--slots", "2", "--nats-url", nats.url, "--worker-id", id];
    return await startWorker(groups, { flags });
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "waggle-batches-"));
    nats = await startNats(groups);
    gate = await createGate();
    // This process makes the steps, so that the batch is never further than what it has seen.
    stepping = setInterval(gate.step, 2);
  });
  afterAll(async () => {
    clearInterval(stepping);
    groups.killAll();
    gate[Symbol.dispose]();
    await nats[Symbol.asyncDispose]();
  });

  test("answers each line once", async () => {
    const [first] = await Promise.all([work("w1"), work("w2")]);
    let gateway = await serve();
    let openai = openAiOf(gateway.url);
    const id = await createBatch(openai, lines);
    const reached = async (part: number): Promise<unknown> =>
      await untilBatch(openai, id, (batch) => isOver(batch) || answered(batch) >= part * lines);
    await reached(0.1);
    first.signal("SIGKILL");
    await reached(0.3);
    await nats.stop("SIGKILL");
    await nats.start();
    await reached(0.5);
    gateway.signal("SIGKILL");
    await gateway.exited;
    gateway = await serve();
    openai = openAiOf(gateway.url);
    const batch = await untilBatch(openai, id, isOver);
    expect([batch.status, batch.request_counts]).toEqual(["completed", { total: lines, completed: lines, failed: 0 }]);
    expect(await resultIds(openai, batch)).toEqual(idsOf(lines));
  });
});
