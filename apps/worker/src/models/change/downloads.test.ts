// Tests a worker's downloads: they continue without clients. An unfinished one is listed, continued or deleted, also by the next worker.
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import { startModelServer } from "@waggle/models/testing/model-server";
import type { ModelServer } from "@waggle/models/testing/model-server";
import { DownloadsSchema } from "@waggle/protocol";
import type { Download } from "@waggle/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddedModelPath } from "../embedded-model.ts";
import { createSeveralModels } from "../../testing/several-models.ts";
import { useWorker } from "../../testing/use-worker.ts";

const content = readFileSync(embeddedModelPath());
let folder: string;
let hub: ModelServer;
/** Resolves when the hub may send the rest of the file. */
let rest: Deferred<void>;
let reference: string;
const { worker, start, call } = useWorker(() => createSeveralModels({ models: ["ant"], modelsFolder: folder }));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "downloads-"));
  rest = deferred();
  hub = await startModelServer({
    content,
    etag: '"1"',
    beforePiece: async (at) => await (at < 600_000 ? undefined : rest.promise),
  });
  reference = `${hub.url}/story.gguf`;
  start();
});
afterEach(async () => {
  rest.resolve();
  await worker.close();
  await hub[Symbol.asyncDispose]();
});

async function send(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  return await call(method, path, body, { accept: "application/x-ndjson" }, signal);
}

const ofReference = (path: string): string => `${path}/${encodeURIComponent(reference)}`;

async function downloads(): Promise<readonly Download[]> {
  return DownloadsSchema.parse(await (await send("GET", "/v1/downloads")).json()).downloads;
}

/** Begins a download, and leaves when some bytes have arrived. */
async function beginAndLeave(path = "/v1/models/pull", body: object = { reference }): Promise<void> {
  const leave = new AbortController();
  const response = await send("POST", path, body, leave.signal);
  await expect.poll(async () => (await downloads())[0]?.done_bytes).toBeGreaterThan(0);
  await response.body?.cancel();
  leave.abort();
}

test("continues after its client has left, and is then served", async () => {
  await beginAndLeave();
  expect(await downloads()).toMatchObject([
    { reference, name: "story", state: "running", stage: "downloading", total_bytes: content.length },
  ]);
  rest.resolve();
  await expect.poll(downloads).toEqual([{ reference, name: "story", state: "done" }]);
  expect(worker.models.entries().map(({ name }) => name)).toEqual(["ant", "story"]);
  // A deleted model can be downloaded again.
  expect((await send("DELETE", "/v1/models/story")).status).toBe(200);
  expect(await downloads()).toEqual([]);
});

test("is stopped by a request, listed with its bytes, continued by a pull, and not fetched twice", async () => {
  await beginAndLeave();
  const running = await send("DELETE", ofReference("/v1/models"));
  expect([running.status, await running.text()]).toEqual([409, expect.stringContaining("Stop it first.") as string]);
  expect(await (await send("DELETE", ofReference("/v1/downloads"))).json()).toEqual({ stopped: true });
  expect(await (await send("DELETE", ofReference("/v1/downloads"))).json()).toEqual({ stopped: false });
  const [stopped] = await downloads();
  expect(stopped).toMatchObject({ reference, name: "story", state: "stopped", total_bytes: content.length });
  expect(stopped?.done_bytes).toBeGreaterThan(0);

  await worker.close();
  start();
  expect(await downloads()).toEqual([stopped]);
  rest.resolve();
  const before = hub.requests.length;
  expect(await (await send("POST", "/v1/models/pull", { reference })).text()).toContain('"type":"done"');
  const again = hub.requests.slice(before).filter((line) => /bytes=0-(?!0$)/.test(line));
  expect(again).toEqual([]);
  expect(await downloads()).toMatchObject([{ state: "done" }]);
});

test.each(["reference", "name"] as const)("an unfinished download is deleted by its %s", async (key) => {
  await beginAndLeave();
  await send("DELETE", ofReference("/v1/downloads"));
  const [stopped] = await downloads();
  const deleted = await send("DELETE", `/v1/models/${encodeURIComponent(stopped?.[key] ?? "")}`);
  expect(await deleted.json()).toMatchObject({ deleted: true, freed_bytes: stopped?.done_bytes });
  expect(await downloads()).toEqual([]);
  expect(readdirSync(folder, { recursive: true })).toEqual([]);
});

test("a failed download is listed with its reason until it is deleted or begun again", async () => {
  reference = `${hub.url}/story.txt`;
  await hub[Symbol.asyncDispose]();
  expect(await (await send("POST", "/v1/models/pull", { reference })).text()).toContain('"type":"error"');
  const reason = expect.stringContaining("cannot be reached") as string;
  expect(await downloads()).toMatchObject([{ reference, state: "failed", reason }]);
  expect((await send("DELETE", ofReference("/v1/models"))).status).toBe(200);
  expect(await downloads()).toEqual([]);
  expect((await send("DELETE", ofReference("/v1/models"))).status).toBe(404);
});
