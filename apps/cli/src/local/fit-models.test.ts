// Tests against a small hub: its repository has a list of files, and one model under several names.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findFitModels, isRepository, type FitModels } from "./fit-models.ts";

const content = readFileSync(fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url)));
const sizes: Readonly<Record<string, number>> = {
  "stories-Q8_0.gguf": content.length,
  "stories-F16.gguf": 2 * content.length,
  "BF16/stories-BF16-00001-of-00002.gguf": content.length,
  "BF16/stories-BF16-00002-of-00002.gguf": content.length,
  "poems-Q8_0.gguf": content.length + 1,
  "mmproj-F16.gguf": 5,
};

let hub: Server;
let endpoint = "";
/** Files that were requested from the hub. */
let read: string[] = [];
beforeAll(async () => {
  hub = createServer((request, response) => {
    const path = request.url ?? "";
    if (path.startsWith("/api/models/bee/stories/tree")) {
      return void response.end(
        JSON.stringify(Object.entries(sizes).map(([name, size]) => ({ type: "file", path: name, size }))),
      );
    }
    if (path.startsWith("/api/models/bee/words/tree")) return void response.end("[]");
    const [, name = ""] = /^\/bee\/stories\/resolve\/main\/([^?]+)/.exec(path) ?? [];
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    read.push(name);
    const last = Math.min(content.length - 1, to === "" ? Infinity : Number(to));
    const piece = content.subarray(Number(from), last + 1);
    response.writeHead(206, {
      "content-length": piece.length,
      "content-range": `bytes ${from}-${last}/${content.length}`,
    });
    response.end(request.method === "HEAD" ? undefined : piece);
  });
  hub.listen(0, "127.0.0.1");
  await once(hub, "listening");
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}/`;
});
afterAll(() => {
  hub.close();
  hub.closeAllConnections();
});

const find = async (wanted: string, offline = false): Promise<FitModels> => {
  read = [];
  const options = {
    folder: "/nowhere",
    offline,
    endpoint,
    mmproj: "auto",
    maxPixels: 1_000_000,
    signal: new AbortController().signal,
  };
  return await findFitModels([wanted], options, () => {});
};

it("reads one header for all quantizations of a model", async () => {
  const { models, leftOut } = await find("hf:bee/stories");
  expect(models.map(({ name, quantization, fileBytes }) => [name, quantization, fileBytes])).toEqual([
    ["stories-Q8_0.gguf", "Q8_0", content.length],
    ["poems-Q8_0.gguf", "Q8_0", content.length + 1],
    ["stories-F16.gguf", "F16", 2 * content.length],
    ["stories-BF16-00001-of-00002.gguf", "BF16", 2 * content.length],
  ]);
  expect(leftOut).toBe(0);
  expect(models.every(({ header }) => header.architecture === "llama")).toBe(true);
  expect(new Set(read)).toEqual(new Set(["stories-Q8_0.gguf", "poems-Q8_0.gguf"]));
});

it("reads a single file of a repository", async () => {
  const { models } = await find("hf:bee/stories/stories-Q8_0.gguf");
  expect(models.map(({ name }) => name)).toEqual(["stories-Q8_0.gguf"]);
});

it("reports missing models, and sends no request when it is offline", async () => {
  await expect(find("hf:bee/words")).rejects.toThrow("There are no GGUF models in hf:bee/words.");
  await expect(find("hf:bee/stories", true)).rejects.toThrow("WAGGLE_OFFLINE");
  expect(read).toEqual([]);
});

it("distinguishes a repository from a file in it", () => {
  expect(["hf:a/b", "hf://a/b", "HF:a/b.c"].map(isRepository)).toEqual([true, true, true]);
  expect(["hf:a/b:Q4_0", "hf:a/b/c.gguf", "a/b", "hf:a"].map(isRepository)).toEqual([false, false, false, false]);
});
