import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import type { WorkerConfig } from "../config.ts";
import { describeWorker } from "./machine.ts";

const machine = (text: string) => ({ ...describeWorker(), cores: 4, readText: () => text });

function run(text: string, argv: readonly string[] = []): WorkerConfig {
  const result = parseConfig(["--local-mode", "--config", "/w.yaml", ...argv], {}, machine(text));
  if (result.kind === "exit") throw new Error(result.stderr);
  return result.config;
}

function refusal(text: string): string | undefined {
  const result = parseConfig(["--local-mode", "--config", "/w.yaml"], {}, machine(text));
  return result.kind === "exit" ? result.problems?.join("\n") : undefined;
}

const two = [
  "slots: 2",
  "models:",
  "  small: a.gguf",
  "  large:",
  "    model: b.gguf",
  "    slots: 8",
  "    context-size: 1024",
  "    keep-alive: -1",
].join("\n");

test("a model is loaded with its settings and the settings for all models", () => {
  const [small, large] = run(two).models;
  expect(small).toMatchObject({ name: "small", reference: "a.gguf", settings: { slots: 2 }, keepAliveMs: undefined });
  expect(small?.settings?.contextSize).toBeUndefined();
  expect(large).toMatchObject({ name: "large", settings: { slots: 8, contextSize: 1_024 }, keepAliveMs: Infinity });
});

test("a model may have its own pool, which must have room for a job of its context size", () => {
  const pool = (tokens: number): string =>
    ["models:", "  a:", "    model: a.gguf", `    context-pool: ${tokens}`].join("\n");
  const [model] = run(pool(40_000), ["--context-size", "20000"]).models;
  expect(model?.settings).toMatchObject({ contextSize: 20_000, contextPool: 40_000 });
  expect(refusal(`context-size: 20000\n${pool(16_384)}`)).toMatch(
    /--context-size 20000 with --context-pool 16384.*: a\)$/,
  );
});

test("a setting of a model wins over a flag for all models", () => {
  const { models, modelSettings } = run(two, ["--slots", "3", "--threads", "2"]);
  expect(modelSettings.slots).toBe(3);
  expect(models.map(({ settings }) => [settings?.slots, settings?.threads])).toEqual([
    [3, 2],
    [8, 2],
  ]);
});

test("a flag that names models replaces the models of the file", () => {
  expect(run(two, ["--model", "c.gguf"]).models).toMatchObject([{ name: undefined, reference: "c.gguf" }]);
});

test("impossible settings of a model are refused by its name", () => {
  const text = "models:\n  a:\n    model: x\n    flash-attention: off\n    cache-type-v: q8_0";
  expect(refusal(text)).toContain("a quantized V cache needs flash attention. (/w.yaml, line 2: a)");
});
