import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { startModelServer } from "../../testing/model-server.ts";
import { madeUpProjector, madeUpReader } from "../../testing/made-up-projector.ts";
import { readModelHeader } from "./read-header.ts";
import { readModelProjector, type ReadProjector } from "./read-projector.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

async function read(reference: string, endpoint?: string, mmproj = "auto"): Promise<ReadProjector> {
  const options = { folder, offline: false, mmproj, ...(endpoint === undefined ? {} : { endpoint }) };
  return await readModelProjector(reference, await readModelHeader(reference, options), options);
}

test.each([
  ["that fits", 8, { file: "mmproj_hf_bee_eye_mmproj-F16.gguf", card: { type: "mlp" }, problem: undefined }],
  ["that does not fit", 16, { card: undefined, problem: "its embeddings have 16 numbers, and the model's 8" }],
])("the header of a repository's projector %s is read without a download", async (_, width, result) => {
  const projectors = { "mmproj-F16.gguf": madeUpProjector(width) };
  await using hub = await startModelServer({
    content: madeUpReader(8),
    manifestFile: "eye.gguf",
    projectors,
    listed: [],
  });
  expect(await read("hf:bee/eye", hub.url)).toMatchObject(result);
  expect(await read("hf:bee/eye", hub.url, "none")).toMatchObject({ card: undefined, problem: undefined });
  expect(readdirSync(folder)).toEqual([]);
});

test("the projector of a local model is found next to it, or is the file of the settings", async () => {
  const [model, own] = [join(folder, "eye.gguf"), join(folder, "own.gguf")];
  writeFileSync(model, madeUpReader(8));
  expect(await read(model)).toEqual({ file: undefined, card: undefined, problem: undefined });
  writeFileSync(join(folder, "mmproj-eye.gguf"), madeUpProjector(8));
  writeFileSync(own, madeUpProjector(8, { "clip.projector_type": "ldp" }));
  expect(await read(model)).toMatchObject({ file: "mmproj-eye.gguf", card: { type: "mlp" } });
  expect(await read(model, undefined, own)).toMatchObject({ file: "own.gguf", card: { type: "ldp" } });
  expect(await read(model, undefined, model)).toMatchObject({
    problem: "not a projector, but a model of architecture llama",
  });
});
