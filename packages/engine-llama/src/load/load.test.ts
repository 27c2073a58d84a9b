import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { hasAddon } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend, type LlamaBackendOptions } from "./load.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "load-llama-"));

const base: LlamaBackendOptions = { modelPath: storyModel, slots: 2, threads: 1, device: "cpu" };

/** Writes a copy of the embedded model with changed bytes. @returns its path */
function damagedModel(name: string, change: (model: Buffer) => Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(storyModel)));
  return path;
}

test("the info describes the loaded model", async () => {
  const progress: number[] = [];
  const backend = await loadLlamaBackend({ ...base, onProgress: (value) => progress.push(value) });
  expect(backend.info).toEqual({
    backend: "llama",
    kind: "generate",
    embeddingSize: 128,
    modelName: "Waggle Tiny Stories",
    contextSize: 512,
    contextPool: 1024,
    trainedContextSize: 512,
    slots: 2,
    batchSize: 512,
    parameters: 1_369_728,
    modelBytes: 2_742_784,
    modelPath: storyModel,
    templateSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    file: {
      architecture: "llama",
      quantization: expect.stringMatching(/^[A-Z]+\d+(_\w+)?$/),
      description: expect.stringContaining("story teller"),
      modifiedAt: statSync(storyModel).mtime.toISOString(),
    },
    device: "cpu",
    threads: 1,
    maxThreads: expect.any(Number),
    build: expect.any(String),
    release: expect.stringMatching(/^v\d/),
    ...(hasAddon ? { binding: "addon" } : { binding: "library", bindingReason: "it is not installed" }),
    settings: expect.objectContaining({ batch_size: 512, mmap: true }),
    chatFormat: expect.objectContaining({ name: "generic" }),
    infill: false,
    promptTexts: { chatTemplate: expect.stringContaining("messages"), bos: "<s>", eos: "</s>" },
  });
  expect(progress.at(-1)).toBe(1);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  await Promise.all([backend.dispose(), backend.dispose()]);
});

test("a requested context size is kept, with a warning if it is longer than the trained size", async () => {
  const lines: string[] = [];
  const log: LlamaBackendOptions["log"] = (level, message) => void lines.push(`${level} ${message}`);
  const backend = await loadLlamaBackend({ ...base, contextSize: 700, log });
  expect(backend.info.contextSize).toBe(700);
  expect(lines.join("\n")).toMatch(/warn A context of 700 tokens is longer than the 512 tokens/);
  await backend.dispose();
});

test("a batch has at least a token for each slot", async () => {
  const backend = await loadLlamaBackend({ ...base, slots: 6, batchSize: 4 });
  expect(backend.info.batchSize).toBe(6);
  await backend.dispose();
});

test.each<[reason: RegExp, path: () => string]>([
  [/no such file$/, () => join(folder, "missing.gguf")],
  [/not a GGUF file$/, () => damagedModel("noise.gguf", (model) => model.fill(7))],
  [
    /truncated or damaged \(blk.5.ffn_norm.weight ends beyond the file's end\); download it again$/,
    () => damagedModel("cut.gguf", (model) => model.subarray(0, model.length - 100)),
  ],
  [
    /architecture t5enc neither generates text nor embeds it$/,
    () => damagedModel("t5.gguf", (model) => renameArchitecture(model, "t5enc")),
  ],
])("a file that cannot be used is rejected: %s", async (reason, path) => {
  const modelPath = path();
  const refused: unknown = await loadLlamaBackend({ ...base, modelPath }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: "WaggleError", code: "unavailable", message: expect.stringMatching(reason) });
  expect((refused as Error).message).toMatch(new RegExp(`^Cannot load model ${modelPath}: `));
});

test.concurrent.each<[reason: string, name: string, change: (model: Buffer) => Buffer]>([
  ["unknown model architecture: 'zzzzz'", "architecture.gguf", (model) => renameArchitecture(model, "zzzzz")],
  ["tensor 'blk.5.ffn_norm.weight' not found", "tensor.gguf", (model) => renameTensor(model, "blk.5.ffn_norm.weight")],
])("the error has llama.cpp's reason: %s", async (reason, name, change) => {
  const modelPath = damagedModel(name, change);
  const script = join(import.meta.dirname, "../testing/try-load.ts");
  const { stdout } = await run(process.execPath, ["--import", "tsx", script, modelPath]);
  expect(stdout).toBe(`Cannot load model ${modelPath}: ${reason}`);
});

test("loading fails if the memory is too small", async () => {
  await expect(loadLlamaBackend({ ...base, contextSize: 2_000_000_000 })).rejects.toThrow(
    /memory does not suffice for a context of \d+ tokens for all 2 slots together \(2000000000 for one job\)$/,
  );
});

test("loading fails if the device has no binary", async () => {
  const missing = process.platform === "darwin" ? (["cuda"] as const) : (["cuda", "metal"] as const);
  for (const device of missing) {
    await expect(loadLlamaBackend({ ...base, device })).rejects.toThrow(`Cannot compute on ${device}`);
  }
});

test("loading stops when its signal aborts", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const loading = loadLlamaBackend({ ...base, signal: controller.signal, onProgress: () => controller.abort(reason) });
  await expect(loading).rejects.toBe(reason);
});

function renameArchitecture(model: Buffer, to: string): Buffer {
  model.write(to, model.indexOf("llama", model.indexOf("general.architecture")), "latin1");
  return model;
}

function renameTensor(model: Buffer, name: string): Buffer {
  model.write("z", model.indexOf(name));
  return model;
}
