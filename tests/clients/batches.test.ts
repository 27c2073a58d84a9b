// Tests the whole flow of files and batches with the clients of OpenAI and Anthropic, unchanged, and a real worker.
import { createReadStream, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idsOf, isOver, linesOf, openAiOf, resultIds, untilBatch } from "../support/batch.ts";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-batches-"));
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  const { url } = await spawnFakeWorker(["--slots", "2", "--batch-dir", join(folder, "batches")]);
  openai = openAiOf(url);
  anthropic = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
});
afterAll(killDaemons);

const messages = [{ role: "user" as const, content: "Tell me a story." }];

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const endMs = 60_000;

describe("OpenAI's client", () => {
  it("uploads a stream, waits for the batch, and reads and deletes its results", { timeout: endMs }, async () => {
    const path = join(folder, "input.jsonl");
    writeFileSync(path, linesOf(20));
    const file = await openai.files.create({
      ...{ file: createReadStream(path), purpose: "batch" },
      expires_after: { anchor: "created_at", seconds: 3_600 },
    });
    expect(await openai.files.waitForProcessing(file.id)).toMatchObject({
      status: "processed",
      filename: "input.jsonl",
    });
    expect(await (await openai.files.content(file.id)).text()).toBe(linesOf(20));
    const { id } = await openai.batches.create({
      ...{ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" },
      metadata: { purpose: "a test" },
    });
    const batch = await untilBatch(openai, id, isOver);
    expect(batch).toMatchObject({
      ...{ status: "completed", request_counts: { total: 20, completed: 20, failed: 0 }, error_file_id: null },
      ...{ metadata: { purpose: "a test" }, usage: { output_tokens: 160 } },
    });
    expect(await resultIds(openai, batch)).toEqual(idsOf(20));
    await expect(openai.batches.cancel(id)).rejects.toMatchObject({ status: 409 });
    expect(await openai.files.delete(batch.output_file_id ?? "")).toMatchObject({ deleted: true });
    await expect(openai.files.retrieve(batch.output_file_id ?? "")).rejects.toMatchObject({ status: 404, code: null });
  });
});

describe("Anthropic's client", () => {
  const requests = (count: number) =>
    idsOf(count).map((customId) => ({ custom_id: customId, params: { model: "any", max_tokens: 4, messages } }));

  it("creates a message batch, and reads and deletes its results", { timeout: endMs }, async () => {
    const { batches } = anthropic.messages;
    const { id, processing_status: status } = await batches.create({ requests: requests(10) });
    expect(status).toBe("in_progress");
    const statusOf = async (): Promise<string> => (await batches.retrieve(id)).processing_status;
    await expect.poll(statusOf, { timeout: endMs }).toBe("ended");
    const results = await all(await batches.results(id));
    expect(results.map((result) => result.custom_id).toSorted()).toEqual(
      requests(10).map((request) => request.custom_id),
    );
    expect(new Set(results.map(({ result }) => result.type))).toEqual(new Set(["succeeded"]));
    expect(await batches.delete(id)).toEqual({ id, type: "message_batch_deleted" });
    await expect(batches.retrieve(id)).rejects.toMatchObject({ status: 404 });
  });

  it("lists message batches in both directions", { timeout: endMs }, async () => {
    const { batches } = anthropic.messages;
    const made: string[] = [];
    for (const count of [1, 1, 1]) made.unshift((await batches.create({ requests: requests(count) })).id);
    const [newest = "", , oldest = ""] = made;
    for (const limit of [1, 2, 1_000]) {
      expect((await all(batches.list({ limit }))).map(({ id }) => id)).toEqual(made);
      const earlier = await all(batches.list({ limit, after_id: newest }));
      expect(earlier.map(({ id }) => id)).toEqual(made.slice(1));
      const later = await all(batches.list({ limit, before_id: oldest }));
      expect(later.map(({ id }) => id).toSorted()).toEqual(made.slice(0, -1).toSorted());
    }
  });
});
