import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { readGgufFile } from "../../header/index.ts";
import { madeUpProjector, madeUpReader } from "../../testing/made-up-projector.ts";
import { recordPath, writeRecord } from "./download-record.ts";
import { findProjector } from "./find-projector.ts";
import { isProjectorName, stemOf } from "./projector-names.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

function put(name: string, bytes: Uint8Array): void {
  writeFileSync(join(folder, name), bytes);
}

/** The name of the projector that is found for the model, or why none is. */
async function found(model: string): Promise<string | undefined> {
  const path = join(folder, model);
  const { projector, problem } = await findProjector(path, await readGgufFile(path));
  return projector === undefined ? problem : basename(projector.path);
}

test.each([
  ["gemma-3-4b-it-Q4_K_M.gguf", "gemma-3-4b-it"],
  ["gemma-3-4b-it-UD-Q4_K_XL-00001-of-00002.gguf", "gemma-3-4b-it"],
  ["mmproj-google_gemma-3-4b-it-f16.gguf", "google-gemma-3-4b-it"],
  ["Qwen2.5-VL-7B-Instruct-mmproj-Q8_0.gguf", "qwen2-5-vl-7b-instruct"],
  ["mmproj-model-f16.gguf", ""],
  ["mmproj_BF16.gguf", ""],
  ["world-model.IQ4_NL.gguf", "world-model"],
])("the model's name is found in %s", (name, stem) => expect(stemOf(name)).toBe(stem));

test("the name of a projector is a GGUF file with mmproj in it", () => {
  const names = ["mmproj-F16.gguf", "x-mmproj.GGUF", "mmproj.json", "mmproj/x.gguf", "x.gguf"];
  expect(names.filter(isProjectorName)).toEqual(["mmproj-F16.gguf", "x-mmproj.GGUF"]);
});

test("in a folder with a single model, the most suitable projector is that model's, whatever its name", async () => {
  put("qwen-Q4_K_M.gguf", madeUpReader(8));
  put("qwen-Q8_0.gguf", madeUpReader(8));
  expect(await found("qwen-Q8_0.gguf")).toBeUndefined();
  for (const best of [
    "mmproj-any-F32.gguf",
    "mmproj-q8_0.gguf",
    "mmproj-BF16.gguf",
    "mmproj-model_f16.gguf",
    "qwen-mmproj-F32.gguf",
  ]) {
    put(best, madeUpProjector(8));
    expect(await found("qwen-Q4_K_M.gguf")).toBe(best);
  }
});

test("in a folder with several models, a projector belongs to the model in its name", async () => {
  for (const model of [
    "gemma-3-4b-it-Q4_0.gguf",
    "gemma-3-4b-it-poems-Q4_0.gguf",
    "gemma-3-12b-it-Q4_0.gguf",
    "llama.gguf",
  ]) {
    put(model, madeUpReader(8));
  }
  for (const name of ["mmproj-F16.gguf", "mmproj-gemma-3-4b-it-F32.gguf", "mmproj-gemma-3-f16.gguf"])
    put(name, madeUpProjector(8));
  expect(await found("gemma-3-4b-it-Q4_0.gguf")).toBe("mmproj-gemma-3-4b-it-F32.gguf");
  expect(await found("gemma-3-4b-it-poems-Q4_0.gguf")).toBe("mmproj-gemma-3-4b-it-F32.gguf");
  expect(await found("gemma-3-12b-it-Q4_0.gguf")).toBe("mmproj-gemma-3-f16.gguf");
  expect(await found("llama.gguf")).toBeUndefined();
});

test("a projector that does not fit is not used, and the reason is reported", async () => {
  put("qwen.gguf", madeUpReader(16));
  put("mmproj-qwen-f16.gguf", madeUpProjector(8));
  expect(await found("qwen.gguf")).toBe("mmproj-qwen-f16.gguf: its embeddings have 8 numbers, and the model's 16");
  put("mmproj-qwen-bf16.gguf", Buffer.from("GGUF"));
  put("mmproj-qwen-q8_0.gguf", madeUpProjector(16));
  expect(await found("qwen.gguf")).toBe("mmproj-qwen-q8_0.gguf");
});

test("the record of a download names its projector", async () => {
  const model = "hf_bee_eye-Q4_K_M.gguf";
  put(model, madeUpReader(8));
  put("mmproj-hf_bee_eye-f16.gguf", madeUpProjector(8));
  put("hf_bee_eye_mmproj-f32.gguf", madeUpProjector(8));
  const record = { reference: "hf:bee/eye", name: "eye", parts: [], extras: undefined };
  await writeRecord(join(folder, model), { ...record, projector: "hf_bee_eye_mmproj-f32.gguf" });
  expect(await found(model)).toBe("hf_bee_eye_mmproj-f32.gguf");
  await writeRecord(join(folder, model), { ...record, projector: "gone-mmproj.gguf" });
  expect(await found(model)).toBe("gone-mmproj.gguf: no such file");
  writeFileSync(
    recordPath(join(folder, model)),
    JSON.stringify({ kind: "waggle-download", ...record, projector: "../mmproj.gguf" }),
  );
  expect(await found(model)).toBe("mmproj-hf_bee_eye-f16.gguf");
});
