import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddedModelPath } from "../../process/embedded-model.ts";
import type { ModelHost } from "./model-host-port.ts";
import { describeModel, prepareModel } from "./prepare.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "prepare-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function hostOf(reference: string, downloading = (_progress: number, _doneBytes?: number): void => {}): ModelHost {
  const settings = {} as ModelHost["file"]["settings"];
  return { downloading, file: { reference, source: "file", settings, facts: undefined } } as unknown as ModelHost;
}

const options = () => ({
  resolve: { folder, offline: false },
  signal: new AbortController().signal,
  budgetBytes: undefined,
});

test("a file is described by its header", async () => {
  const path = join(folder, "a.gguf");
  copyFileSync(embeddedModelPath(), path);
  const host = hostOf(path);
  await prepareModel(host, options());
  expect(host.file.facts).toMatchObject({
    path,
    card: { name: "Waggle Tiny Stories", architecture: "llama", kind: "generate" },
  });
  expect(host.file.facts?.bytes).toBeGreaterThan(1e6);
});

test("facts of a file are dropped if another file has replaced it meanwhile", async () => {
  const path = join(folder, "a.gguf");
  copyFileSync(embeddedModelPath(), path);
  const host = hostOf(path);
  const prepared = prepareModel(host, options());
  Object.assign(host.file, { reference: "b.gguf" });
  await prepared;
  expect(host.file.facts).toBeUndefined();
});

test("a missing file is an error that names the file", async () => {
  await expect(prepareModel(hostOf("/nowhere/x.gguf"), options())).rejects.toThrow(
    "Cannot load model /nowhere/x.gguf: no such file",
  );
});

test("a missing configured file is reported before the first request, but a missing download is not", async () => {
  const missing: string[] = [];
  const describing = { ...options(), onMissing: (reason: string) => void missing.push(reason) };
  expect(await describeModel(hostOf("/nowhere/x.gguf"), describing)).toBeUndefined();
  expect(await describeModel(hostOf("hf:user/repo:Q4_0"), describing)).toBeUndefined();
  copyFileSync(embeddedModelPath(), join(folder, "a.gguf"));
  expect(await describeModel(hostOf(join(folder, "a.gguf")), describing)).toBeDefined();
  expect(missing).toEqual(["Cannot load model /nowhere/x.gguf: no such file"]);
});

test("a file that is not a model is left for the engine to refuse", async () => {
  const path = join(folder, "a.gguf");
  copyFileSync(import.meta.filename, path);
  const host = hostOf(path);
  expect(await prepareModel(host, options())).toEqual({ memory: undefined });
  expect(host.file.facts).toMatchObject({ path, card: undefined, bytes: statSync(path).size });
});

test("a download is reported as it arrives", async () => {
  const bytes = Buffer.alloc(1_000_000, "GGUF");
  const server = createServer(({ headers }, response) => {
    const [, from = "0", to] = /bytes=(\d+)-(\d*)/.exec(headers.range ?? "") ?? [];
    const end = to === undefined || to === "" ? bytes.length - 1 : Number(to);
    const range = `bytes ${from}-${end}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": end - Number(from) + 1, etag: '"a"' });
    response.end(bytes.subarray(Number(from), end + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const shown: (readonly (number | undefined)[])[] = [];
  const host = hostOf(`http://127.0.0.1:${port}/x.gguf`, (...progress) => void shown.push(progress));
  await prepareModel(host, options());
  server.close();
  expect(shown.at(-1)).toEqual([1, bytes.length]);
  expect(shown.length).toBeLessThan(110);
});
