// Tests downloads that clients request while the worker runs: the names under which they are served, and their status.
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelEvent } from "@waggle/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddedModelPath } from "../embedded-model.ts";
import { createSeveralModels } from "../../testing/several-models.ts";
import { useWorker } from "../../testing/use-worker.ts";

const content = readFileSync(embeddedModelPath());
let folder: string;
let hub: Server;
let url: string;
let asked: string[];
const { worker, start, post } = useWorker(createSeveralModels);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "operations-"));
  asked = [];
  hub = createServer(({ url: path = "" }, response) => {
    asked.push(path);
    response.writeHead(200, { "content-length": content.length }).end(content);
  });
  await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  start({ models: ["ant", "bee"], aliases: { bee: ["bumble"] }, modelsFolder: folder });
});
afterEach(async () => {
  await worker.close();
  hub.closeAllConnections();
  await new Promise((resolve) => hub.close(resolve));
});

async function pull(body: { readonly reference: string; readonly name?: string }): Promise<ModelEvent | undefined> {
  const response = await post("/v1/models/pull", body, { accept: "application/x-ndjson" });
  const lines = (await response.text()).trim().split("\n");
  return lines
    .map((line) => JSON.parse(line) as ModelEvent)
    .findLast(({ type }) => type === "done" || type === "error");
}

test("a download is served under its name, with its size and its kind", async () => {
  const described = expect.stringContaining("story teller") as string;
  const model = { name: "story", kind: "generate", quantization: "F16", description: described };
  expect(await pull({ reference: `${url}/story.gguf` })).toMatchObject({
    type: "done",
    model: { ...model, file_bytes: content.length },
  });
});

test.each(["ant", "bumble"])("a taken name such as %s is refused before the download begins", async (name) => {
  const refused = {
    type: "error",
    code: "conflict",
    message: `Cannot serve the model as ${name}: that name is taken.`,
  };
  expect(await pull({ reference: `${url}/story.gguf`, name })).toMatchObject(refused);
  expect(asked).toEqual([]);
});

test("a download can be requested again under its name", async () => {
  const wanted = { reference: `${url}/story.gguf`, name: "tale" };
  expect(await pull(wanted)).toMatchObject({ type: "done", model: { name: "tale" } });
  expect(await pull(wanted)).toMatchObject({ type: "done", model: { name: "tale" } });
  expect(worker.models.entries()).toHaveLength(3);
});

test.each([
  ["at once", async (bodies: readonly Parameters<typeof pull>[0][]) => await Promise.all(bodies.map(pull))],
  [
    "one after the other",
    async ([first, second]: readonly Parameters<typeof pull>[0][]) => [
      first && (await pull(first)),
      second && (await pull(second)),
    ],
  ],
])("a download that is requested %s under two names gets both names", async (_, pullAll) => {
  const reference = `${url}/story.gguf`;
  const done = await pullAll([
    { reference, name: "tale" },
    { reference, name: "saga" },
  ]);
  expect(done.map((event) => event?.type)).toEqual(["done", "done"]);
  const [entry] = worker.models.entries().slice(2);
  expect(new Set([entry?.name, ...(entry?.aliases ?? [])])).toEqual(new Set(["saga", "tale"]));
  expect(asked.filter((path) => path === "/story.gguf")).not.toHaveLength(0);
  expect(worker.models.entries()).toHaveLength(3);
});
