import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { startModelServer, type ModelServerOptions } from "../../testing/model-server.ts";
import { createCatalogue } from "../folder/catalogue.ts";
import type { PullProgress } from "../transfer/progress.ts";
import { pullModel, type PullOptions } from "./pull-model.ts";

const content = Buffer.alloc(300_000, "GGUF waggle ");
const projectors = {
  "mmproj-BF16.gguf": Buffer.alloc(90_000, "GGUF bf "),
  "mmproj-F16.gguf": Buffer.alloc(100_000, "GGUF half "),
  "mmproj-F32.gguf": Buffer.alloc(200_000, "GGUF full "),
};
const half = projectors["mmproj-F16.gguf"];

let folder: string;
beforeEach(() => void (folder = newFolder()));

const modelsThere = () => readdirSync(folder).filter((name) => name.endsWith(".gguf"));
const eye = (options: Partial<ModelServerOptions> = {}) =>
  startModelServer({ content, etag: '"1"', manifestFile: "eye-Q4_K_M.gguf", projectors, listed: [], ...options });

test("a model comes with the best projector of its repository, with progress for both", async () => {
  await using hub = await eye();
  const progress: PullProgress[] = [];
  const options = { folder, endpoint: hub.url, onProgress: (report: PullProgress) => progress.push(report) };
  const model = await pullModel("hf:bee/eye:Q4_K_M", options);
  expect(modelsThere()).toEqual(["hf_bee_eye_eye.Q4_K_M.gguf", "mmproj_hf_bee_eye_mmproj-F16.gguf"]);
  expect(model).toMatchObject({
    downloaded: true,
    bytes: content.length,
    projector: { state: "whole", bytes: half.length, path: join(folder, "mmproj_hf_bee_eye_mmproj-F16.gguf") },
  });
  expect(readFileSync(model.projector?.path ?? "").equals(half)).toBe(true);
  const totalBytes = content.length + half.length;
  const downloading = progress.filter(({ stage }) => stage === "downloading");
  expect(downloading.every((report) => report.totalBytes === totalBytes && report.parts === 2)).toBe(true);
  expect(downloading.map(({ part }) => part)).toEqual(
    downloading.map(({ part }) => part).toSorted((one, other) => one - other),
  );
  expect(downloading.at(-1)).toMatchObject({ doneBytes: totalBytes, part: 2 });

  const asked = hub.requests.length;
  expect(await pullModel("hf:bee/eye:Q4_K_M", options)).toMatchObject({ downloaded: false });
  expect(hub.requests).toHaveLength(asked);
  expect(await createCatalogue({ folder }).list()).toMatchObject([{ name: "eye-q4_k_m" }]);
});

test.each([
  ["a file of a repository", "hf:bee/eye/eye-Q4_K_M.gguf", {}, "mmproj_hf_bee_eye_mmproj-F16.gguf"],
  [
    "a repository whose mirror has no list of files",
    "hf:bee/eye",
    { listed: undefined },
    "mmproj_hf_bee_eye_mmproj-BF16.gguf",
  ],
  ["a repository without projectors", "hf:bee/eye", { projectors: {} }, undefined],
  ["a repository of several models", "hf:bee/eye", { listed: ["ear-Q4_0.gguf"] }, "mmproj_hf_bee_eye_mmproj-BF16.gguf"],
  [
    "a repository with a projector for each model",
    "hf:bee/eye/eye-Q4_K_M.gguf",
    { listed: ["ear-Q4_0.gguf"], projectors: { "mmproj-ear-F16.gguf": half, "mmproj-eye-F32.gguf": half } },
    "mmproj_hf_bee_eye_mmproj-eye-F32.gguf",
  ],
])("downloads the best projector of %s", async (_, reference, options, name) => {
  await using hub = await eye(options);
  const { projector } = await pullModel(reference, { folder, endpoint: hub.url });
  expect(projector === undefined ? undefined : basename(projector.path)).toBe(name);
});

test("a projector can be left, and comes with the next download of the model", async () => {
  await using hub = await eye();
  const options: PullOptions = { folder, endpoint: hub.url };
  expect(await pullModel("hf:bee/eye", { ...options, projector: false })).toMatchObject({ projector: undefined });
  expect(hub.requests.filter((line) => line.includes("/api/"))).toEqual([]);
  const asked = hub.requests.length;
  const { downloaded, projector } = await pullModel("hf:bee/eye", options);
  expect({ downloaded, state: projector?.state }).toEqual({ downloaded: true, state: "whole" });
  expect(hub.requests.slice(asked).filter((line) => line.includes("eye-Q4_K_M.gguf"))).toEqual([]);
});

test("a model is asked for its projector only once", async () => {
  await using hub = await eye({ projectors: {} });
  await pullModel("hf:bee/eye", { folder, endpoint: hub.url });
  const asked = hub.requests.length;
  await pullModel("hf:bee/eye", { folder, endpoint: hub.url });
  expect(hub.requests).toHaveLength(asked);
});

test("an interrupted download of a projector is continued, and the model is used without it meanwhile", async () => {
  const stop = new AbortController();
  let beforePiece: ModelServerOptions["beforePiece"];
  await using hub = await eye({ pieceBytes: 10_000, beforePiece: (at) => beforePiece?.(at) ?? Promise.resolve() });
  const options: PullOptions = { folder, endpoint: hub.url };
  beforePiece = async () => {
    if (modelsThere().length > 0) stop.abort();
  };
  await expect(pullModel("hf:bee/eye", { ...options, signal: stop.signal })).rejects.toThrow("aborted");
  beforePiece = undefined;
  const catalogue = createCatalogue({ folder });
  expect(await catalogue.list()).toMatchObject([{ state: "whole", projector: { state: "partial" } }]);
  expect(await pullModel("hf:bee/eye", options)).toMatchObject({ downloaded: true, projector: { state: "whole" } });
});

test("a removed model takes its projector along, unless another model has the same one", async () => {
  await using hub = await eye();
  const references = ["hf:bee/eye:Q4_K_M", "hf:bee/eye/eye-Q8_0.gguf"] as const;
  for (const reference of references) await pullModel(reference, { folder, endpoint: hub.url });
  expect(modelsThere()).toHaveLength(3);
  const catalogue = createCatalogue({ folder });
  expect(await catalogue.remove(references[0])).toMatchObject({ freedBytes: content.length });
  expect(modelsThere()).toHaveLength(2);
  expect(await catalogue.remove(references[1])).toMatchObject({ freedBytes: content.length + half.length });
  expect(readdirSync(folder)).toEqual([]);
});

test("a projector alone is not downloaded", async () => {
  await expect(
    pullModel("hf:bee/eye/mmproj-F16.gguf", { folder, endpoint: "http://127.0.0.1:1/" }),
  ).rejects.toMatchObject({
    code: "invalid_argument",
    message:
      "Cannot download model hf:bee/eye/mmproj-F16.gguf: it is a projector; download the model, and its projector comes along",
  });
});

test("the projector of Ollama's registry is checked by its digest", async () => {
  const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const layer = (type: string, bytes: Buffer) => {
    return {
      mediaType: `application/vnd.ollama.image.${type}`,
      digest: `sha256:${sha256Of(bytes)}`,
      size: bytes.length,
    };
  };
  const layers = [layer("model", content), layer("projector", half)];
  let damaged = false;
  const registry = createServer(({ url = "" }, response) => {
    if (url.includes("/manifests/")) response.end(JSON.stringify({ layers }));
    else response.end(url.endsWith(sha256Of(content)) ? content : damaged ? content : half);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => registry.once("listening", resolve));
  const options = { folder, ollamaEndpoint: `http://127.0.0.1:${(registry.address() as AddressInfo).port}` };
  damaged = true;
  await expect(pullModel("ollama:eye:7b", options)).rejects.toThrow("the file is damaged");
  damaged = false;
  const { projector } = await pullModel("ollama:eye:7b", options);
  expect(projector).toMatchObject({ state: "whole", sha256: sha256Of(half) });
  expect(basename(projector?.path ?? "")).toBe(`mmproj_ollama_library+eye+${sha256Of(half).slice(0, 12)}.gguf`);
  registry.closeAllConnections();
  registry.close();
});
