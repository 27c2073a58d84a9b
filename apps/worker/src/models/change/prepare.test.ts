import { copyFileSync, mkdtempSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { embeddedModelPath } from "../embedded-model.ts";
import type { ModelSettings } from "../../config/model-settings.ts";
import { writeProjectorHeader } from "../../testing/write-projector.ts";
import { pictureAbility } from "../list/picture-ability.ts";
import type { ModelHost } from "../run/model-host-port.ts";
import { describeModel, prepareModel } from "./prepare.ts";

let folder: string;
let unused: string[];
beforeEach(() => {
  unused = [];
  folder = mkdtempSync(join(tmpdir(), "prepare-"));
});

function hostOf(
  reference: string,
  downloading: ModelHost["downloading"] = () => {},
  own: Partial<ModelSettings> = {},
): ModelHost {
  const settings = { mmproj: "auto", maxPicturePixels: 1_000_000, ...own } as ModelSettings;
  return { downloading, file: { reference, source: "file", settings, facts: undefined } } as unknown as ModelHost;
}

const options = () => ({
  resolve: { folder, offline: false },
  signal: new AbortController().signal,
  budgetBytes: undefined,
  onUnusedProjector: (_: ModelHost, problem: string) => void unused.push(problem),
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
  const shown: Parameters<ModelHost["downloading"]>[] = [];
  const host = hostOf(`http://127.0.0.1:${port}/x.gguf`, (...progress) => void shown.push(progress));
  await prepareModel(host, options());
  server.close();
  expect(shown.at(-1)).toMatchObject([1, { doneBytes: bytes.length, totalBytes: bytes.length }]);
  expect(host.file.facts).toMatchObject({ isDownload: true });
  expect(shown.length).toBeLessThan(110);
});

test("a download of another folder is only a file, which this worker does not delete", async () => {
  const path = join(folder, "a.gguf");
  copyFileSync(embeddedModelPath(), path);
  writeFileSync(
    `${path}.json`,
    JSON.stringify({ kind: "waggle-download", reference: "hf:a/a", name: "a", parts: [{}] }),
  );
  for (const [own, isDownload] of [
    [folder, true],
    [join(folder, "other"), false],
  ] as const) {
    const host = hostOf(path);
    await prepareModel(host, { ...options(), resolve: { folder: own, offline: true } });
    expect(host.file.facts).toMatchObject({ isDownload });
  }
});

describe("the projector of a model", () => {
  /** The model with its projector, and the width of the model's embeddings. */
  function setUp(own: Partial<ModelSettings> = {}, width = 128): ModelHost {
    copyFileSync(embeddedModelPath(), join(folder, "a.gguf"));
    writeProjectorHeader(join(folder, "mmproj-a-f16.gguf"), width);
    return hostOf(join(folder, "a.gguf"), undefined, { slots: 1, ...own });
  }

  test("is found next to the model, and counts as memory", async () => {
    const [seeing, blind] = [setUp(), setUp({ mmproj: "none" })];
    for (const host of [seeing, blind]) await prepareModel(host, options());
    expect(pictureAbility(seeing)).toMatchObject({ projector: "mmproj-a-f16.gguf", max_pixels: 1_000_000 });
    expect(pictureAbility(blind)).toBeUndefined();
    const [more, less] = [seeing, blind].map(({ file }) => file.facts?.plan?.memory);
    expect(more?.vision).toBeGreaterThan(0);
    expect(more?.total).toBe((less?.total ?? 0) + (more?.vision ?? 0));
    expect(unused).toEqual([]);
  });

  test("is not used if it does not fit, which is reported once", async () => {
    const host = setUp({}, 64);
    for (let times = 0; times < 2; times += 1) await prepareModel(host, options());
    const problem = "mmproj-a-f16.gguf: its embeddings have 64 numbers, and the model's 128";
    expect(host.file.facts?.pictures).toEqual({ projector: undefined, problem });
    expect(unused).toEqual([problem]);
  });

  test("may be a file of the settings, and is then an error if it cannot be used", async () => {
    const path = join(folder, "eye.gguf");
    const host = setUp({ mmproj: path }, 64);
    writeProjectorHeader(path, 128);
    await prepareModel(host, options());
    expect(pictureAbility(host)).toMatchObject({ projector: "eye.gguf" });
    await expect(prepareModel(setUp({ mmproj: join(folder, "a.gguf") }), options())).rejects.toThrow(
      /^Cannot use --mmproj .*a\.gguf with model .*a\.gguf: not a projector, but a model of architecture llama\.$/,
    );
  });
});
