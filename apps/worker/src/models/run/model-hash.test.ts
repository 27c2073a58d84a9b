import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import { createLogger } from "@waggle/telemetry";
import { beforeEach, expect, test } from "vitest";
import { createModelHash } from "./model-hash.ts";
import type { ModelHash } from "./model-hash.ts";

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "model-hash-"));
  lines = [];
});

function start(idle: () => Promise<void>): ModelHash {
  const destination = { write: (line: string) => void lines.push(line) };
  return createModelHash({
    folder,
    idle,
    log: createLogger({ level: "debug", format: "json", name: "t", destination }),
  });
}

function writeModel(name: string): { path: string; sha256: string } {
  const [path, bytes] = [join(folder, name), randomBytes(300_000)];
  writeFileSync(path, bytes);
  return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function known(hash: ModelHash): Promise<void> {
  while (hash.sha256 === undefined) await new Promise((resolve) => setImmediate(resolve));
}

test("the hash belongs to the file that the last engine loaded", async () => {
  const [first, second] = [writeModel("a.gguf"), writeModel("b.gguf")];
  const hash = start(async () => {});
  expect(hash.sha256).toBeUndefined();
  hash.follow(first.path);
  await known(hash);
  expect(hash.sha256).toBe(first.sha256);
  hash.follow(second.path);
  expect(hash.sha256).toBeUndefined();
  await known(hash);
  expect(hash.sha256).toBe(second.sha256);
  hash.follow(undefined);
  expect(hash.sha256).toBeUndefined();
  await hash.stop();
});

test("no hash of a large file is computed while jobs are live, and stopping does not wait for them", async () => {
  const asked = deferred<void>();
  const hash = start(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const path = join(folder, "large.gguf");
  writeFileSync(path, "");
  truncateSync(path, 65 * 1024 * 1024);
  hash.follow(path);
  await asked.promise;
  await hash.stop();
  expect(hash.sha256).toBeUndefined();
  expect(lines).toEqual([]);
});

test("the reason why a file has no hash is logged", async () => {
  const hash = start(async () => {});
  hash.follow(join(folder, "gone.gguf"));
  while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(lines.join()).toMatch(/ENOENT.*model_not_hashed/);
  await hash.stop();
});
