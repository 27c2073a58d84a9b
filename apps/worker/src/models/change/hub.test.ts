// Shows what a worker says about the models of a repository: their sizes, and whether they fit its free memory.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelHub } from "@waggle/front";
import { startModelServer } from "@waggle/models/testing/model-server";
import { HubFilesSchema, HubModelsSchema } from "@waggle/protocol";
import { beforeEach, expect, test } from "vitest";
import { inlineConfigOf } from "../../testing/inline-worker.ts";
import { createHub } from "./hub.ts";

const content = readFileSync(new URL("../../../../../models/waggle-tiny-stories.gguf", import.meta.url));
const never = new AbortController().signal;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "worker-hub-"));
});

function hubAt(hubUrl: string, freeBytes: number, offline = false): ModelHub {
  const config = { ...inlineConfigOf({}), modelsFolder: folder, hubUrl, offline };
  const servedAs = async () => async (reference: string) => (reference.endsWith("-Q8_0.gguf") ? "tale" : undefined);
  return createHub({ config, servedAs, now: () => 0, gpu: () => undefined, machine: () => ({ freeBytes }) });
}

test("lists the files of a repository with sizes and what fits, and reads one header for all quantizations", async () => {
  await using server = await startModelServer({
    content,
    manifestFile: "story-Q8_0.gguf",
    listed: ["story-F16.gguf", "README.md"],
    listedBytes: { "story-Q8_0.gguf": content.length, "story-F16.gguf": 4_000_000_000 },
  });
  const { files, left_out } = HubFilesSchema.parse(
    await hubAt(server.url, 1_000_000_000).files("hf:bees/story", never),
  );
  expect(left_out).toBe(0);
  expect(files).toMatchObject([
    {
      reference: "hf:bees/story/story-Q8_0.gguf",
      file: "story-Q8_0.gguf",
      quantization: "Q8_0",
      bytes: content.length,
      parts: 1,
      pictures: false,
      fit: { verdict: "fits", gpu: "none" },
      model: "tale",
    },
    { quantization: "F16", bytes: 4_000_000_000, fit: { verdict: "none" } },
  ]);
  expect(files[0]?.fit?.memory_bytes).toBeGreaterThan(130_000_000);
  expect(server.requests.filter((line) => line.includes("/resolve/"))).toHaveLength(1);
});

test("passes on what the hub finds, with the hub's address", async () => {
  await using server = await startModelServer({ content, found: [{ id: "bees/story", downloads: 7, likes: 1 }] });
  expect(HubModelsSchema.parse(await hubAt(server.url, 1).search("story", never))).toEqual({
    hub: server.url,
    models: [{ reference: "hf:bees/story", downloads: 7, likes: 1, gated: false }],
  });
});

test("sends nothing in offline mode", async () => {
  await using server = await startModelServer({ content, found: [] });
  const hub = hubAt(server.url, 1, true);
  await expect(hub.search("story", never)).rejects.toMatchObject({
    code: "unavailable",
    message: "Cannot search for models: the worker is offline.",
  });
  await expect(hub.files("hf:bees/story", never)).rejects.toMatchObject({ code: "unavailable" });
  expect(server.requests).toEqual([]);
});

test("refuses a fifth search while four wait for the hub", async () => {
  await using server = await startModelServer({ content, found: [] });
  const hub = hubAt(server.url, 1);
  const leave = new AbortController();
  const four = ["a", "b", "c", "d"].map((query) => hub.search(query, leave.signal));
  const ended = Promise.allSettled(four);
  await expect(hub.search("e", never)).rejects.toMatchObject({ code: "resource_exhausted", retryAfterS: 5 });
  leave.abort(new Error("left"));
  await ended;
  expect((await hub.search("f", never)).models).toEqual([]);
});
