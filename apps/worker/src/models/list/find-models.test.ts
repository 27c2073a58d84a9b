// Tests how the embedded model and the downloads of this machine get into the list of a worker's models.
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createLastUsed } from "./last-used.ts";
import { embeddedModelPath } from "../embedded-model.ts";
import { readSettings } from "../../process.ts";
import { findModels } from "./find-models.ts";

async function found(...argv: readonly string[]): Promise<readonly unknown[]> {
  const settings = await readSettings(argv, {});
  if (settings.kind !== "run") throw new Error(settings.problems?.join(" "));
  const models = await findModels(settings.config);
  return models.map(({ name, reference, source }) => [name, reference, source]);
}

const embedded = [embeddedModelPath(), "embedded"];

test.each([
  [[], "waggle-tiny-stories"],
  [["waggle-tiny-stories"], "waggle-tiny-stories"],
  [["--model-ref", "tale"], "tale"],
  [["tale=waggle-tiny-stories"], "tale"],
])("waggle serve %j serves the embedded model as %s", async (argv, name) => {
  expect(await found(...argv)).toEqual([[name, ...embedded]]);
});

test("the embedded model can be served next to others", async () => {
  expect(await found("bee=hf:a/bee:Q8_0", "waggle-tiny-stories")).toEqual([
    ["bee", "hf:a/bee:Q8_0", "file"],
    ["waggle-tiny-stories", ...embedded],
  ]);
});

describe("with downloads on this machine", () => {
  let root = "";
  let bee = "";
  let wasp = "";
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "waggle-machine-"));
    const models = join(root, "waggle", "models");
    mkdirSync(models, { recursive: true });
    const put = (name: string, file: string): string => {
      const path = join(models, file);
      copyFileSync(embeddedModelPath(), path);
      const record = { kind: "waggle-download", reference: `hf:a/${name}:Q8_0`, name, parts: [{}] };
      writeFileSync(`${path}.json`, JSON.stringify(record));
      return path;
    };
    bee = put("bee-q8_0", "hf_a_bee_bee.Q8_0.gguf");
    wasp = put("wasp-q8_0", "hf_a_wasp_wasp.Q8_0.gguf");
    writeFileSync(
      join(models, "hf_a_cut_cut.Q8_0.gguf.json"),
      JSON.stringify({ kind: "waggle-download", reference: "hf:a/cut:Q8_0", name: "cut", parts: [{}] }),
    );
    writeFileSync(join(models, "mine.gguf"), "GGUF");
  });

  const env = () => ({ XDG_CACHE_HOME: root });
  async function foundHere(argv: readonly string[], lastUsed?: string) {
    const settings = await readSettings(argv, env());
    if (settings.kind !== "run") throw new Error(settings.problems?.join(" "));
    const models = await findModels(settings.config, lastUsed);
    return models.map(({ name, reference, source, isUsual }) => [name, reference, source, isUsual === true]);
  }

  test("a worker without named models offers all of them, and begins with the embedded model", async () => {
    expect(await foundHere([])).toEqual([
      ["waggle-tiny-stories", ...embedded, true],
      ["bee-q8_0", bee, "download", false],
      ["wasp-q8_0", wasp, "download", false],
    ]);
  });

  test("the model that was used last is the default, if it is still here and no other is set", async () => {
    const usual = async (...args: Parameters<typeof foundHere>) =>
      (await foundHere(...args)).filter(([, , , isUsual]) => isUsual).map(([name]) => name);
    expect(await usual([], wasp)).toEqual(["wasp-q8_0"]);
    expect(await usual([], "/gone.gguf")).toEqual(["waggle-tiny-stories"]);
    expect(await usual(["--default-model", "bee-q8_0"], wasp)).toEqual([]);
  });

  test.each([
    ["a named model", ["waggle-tiny-stories"]],
    ["a fleet", ["--nats-url", "nats://127.0.0.1:1"]],
    ["the network mode", ["--host", "0.0.0.0", "--api-token-file", "/tokens"]],
  ])("with %s, the worker offers only what it was given", async (_, argv) => {
    const file = argv.includes("/tokens") ? join(root, "tokens") : "";
    if (file !== "") writeFileSync(file, "alice:alices-secret\n");
    expect(
      await foundHere(
        argv.map((word) => (word === "/tokens" ? file : word)),
        bee,
      ),
    ).toEqual([["waggle-tiny-stories", ...embedded, false]]);
  });

  test.each([
    ["bee-q8_0", "bee-q8_0"],
    ["hf_a_bee_bee.Q8_0", "bee-q8_0"],
    ["hf_a_bee_bee.q8_0.gguf", "bee-q8_0"],
    ["mine=bee-q8_0", "mine"],
  ])("waggle serve %s serves a download by the name in waggle list or by its file's name", async (word, name) => {
    expect(await foundHere([word])).toEqual([[name, bee, "file", false]]);
  });

  test("waggle serve continues a download by its name", async () => {
    expect(await foundHere(["cut"])).toEqual([["cut", "hf:a/cut:Q8_0", "file", false]]);
  });

  test("the last model is remembered in the state folder, without files elsewhere and only by a worker without named models", () => {
    const folder = join(root, "state", "deep");
    const base = { folder, modelsFolder: join(root, "waggle", "models"), embedded: embeddedModelPath() };
    const options = { ...base, localMode: true, models: [] };
    const named = [{ name: undefined, reference: bee, source: "file" as const, aliases: [], pinned: false }];
    createLastUsed({ ...options, models: named }).note(bee);
    createLastUsed({ ...options, localMode: false }).note(bee);
    const lastUsed = createLastUsed(options);
    expect(lastUsed.read()).toBeUndefined();
    for (const path of [bee, "/elsewhere/x.gguf"]) lastUsed.note(path);
    expect(createLastUsed(options).read()).toBe(bee);
    lastUsed.note(embeddedModelPath());
    expect(createLastUsed(options).read()).toBe(embeddedModelPath());
    writeFileSync(join(folder, "last-model.json"), "{");
    expect(createLastUsed(options).read()).toBeUndefined();
  });
});
