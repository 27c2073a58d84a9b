import { copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FitReport } from "@waggle/models/memory";
import { beforeAll, describe, expect, it } from "vitest";
import { firstGpu } from "../local/this-machine.ts";
import { runCommand } from "../testing/run-command.ts";

const stories = fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-fit-"));
  for (const name of ["one.gguf", "two.gguf"]) copyFileSync(stories, join(folder, name));
});

const report = async (...argv: readonly string[]): Promise<FitReport> =>
  JSON.parse((await runCommand(["fit", "--json", ...argv])).out) as FitReport;

describe("waggle fit", () => {
  it("shows the memory that a file needs, its parts, and the memory bandwidth", async () => {
    const { code, out } = await runCommand(["fit", stories, "--slots", "2"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^waggle-tiny-stories +F16 +[\d.]+ MB +[\d.]+ MB +[\d.]+ MB +512 .* fits$/m);
    expect(out).toMatch(/^ {2}KV cache of 1024 tokens +[\d.]+ MB$/m);
    expect(out).toMatch(/of memory are free\.\nTokens\/s is the upper bound/);
  });

  it("has a row for each model of a folder", async () => {
    expect((await report(folder)).rows.map(({ name }) => name)).toEqual(["one.gguf", "two.gguf"]);
  });

  it("shows the embedded model without arguments, and by its name", async () => {
    for (const argv of [[], ["waggle-tiny-stories"]])
      expect((await report(...argv)).rows.map(({ name }) => name)).toEqual(["waggle-tiny-stories"]);
  });

  it("accepts the settings of a worker", async () => {
    const settings = [
      "--slots",
      "3",
      "--context-size",
      "256",
      "--context-pool",
      "512",
      "--batch-size",
      "64",
      "--gpu-layers",
      "0",
    ];
    const { wanted, rows } = await report(stories, ...settings, "--cache-type-k", "q8_0", "--cache-type-v", "q4_0");
    expect(wanted).toMatchObject({
      ...{ slots: 3, contextSize: 256, contextPool: 512, batchSize: 64, gpuLayers: 0 },
      ...{ cacheTypeK: "q8_0", cacheTypeV: "q4_0", flashAttention: "auto" },
    });
    const [usual] = (await report(stories, "--slots", "3", "--context", "256")).rows;
    expect(rows[0]?.fit?.estimate.cache).toBeLessThan(usual?.fit?.estimate.cache ?? 0);
  });

  it("warns when layers are to be put on a GPU whose free memory is unknown", async () => {
    const env = { WAGGLE_DEVICE: "cpu" };
    const { code, err } = await runCommand(["fit", stories, "--gpu-layers", "all"], { config: { env } });
    expect([code, err]).toEqual([0, expect.stringContaining("No GPU with readable free memory found")]);
    expect((await runCommand(["fit", stories], { config: { env } })).err).toBe("");
  });

  it("names the problem", async () => {
    expect(await runCommand(["fit", stories, "--slots", "many"])).toMatchObject({
      code: 64,
      err: expect.stringMatching(/^waggle: Cannot use --slots "many": /) as string,
    });
    expect(await runCommand(["fit", "./no-such.gguf"])).toMatchObject({
      code: 66,
      err: "waggle: Cannot read model ./no-such.gguf: no such file.\n",
    });
    for (const [path, why] of [
      ["/no/such/folder", "no such file"],
      ["package.json", "not a GGUF file"],
    ] as const) {
      const { code, err } = await runCommand(["fit", path], { config: { modelsFolder: folder } });
      expect([code, err]).toEqual([66, `waggle: Cannot read model ${path}: ${why}.\n`]);
    }
  });
});

it("reads the name and the free memory of NVIDIA's first GPU", () => {
  expect(firstGpu("NVIDIA H200, 143000\nNVIDIA H200, 1\n")).toEqual({
    name: "NVIDIA H200",
    freeBytes: 143_000 * 2 ** 20,
  });
  expect(firstGpu("")).toBeUndefined();
  expect(firstGpu("No devices were found")).toBeUndefined();
});
