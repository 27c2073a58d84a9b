// Tests what commands say of recommended models, on machines of made-up sizes.
import { createStyle } from "@waggle/daemon/terminal";
import { adviseModels, listedOn, recommendedModels } from "@waggle/models/recommended";
import { describe, expect, test } from "vitest";
import { checkRecommended } from "../doctor/recommended.ts";
import { formatAdvice } from "./recommended.ts";

const machineOf = (freeGib: number) => ({
  freeBytes: freeGib * 2 ** 30,
  bandwidth: { bytesPerSecond: 50e9, error: 0, threads: 4 },
});
const settings = { slots: 8, hasAddon: true };
const small = { machine: machineOf(4), advice: adviseModels(machineOf(4), settings) };

describe("the list of recommended models", () => {
  const text = formatAdvice(small, createStyle(false));

  test("has each model that fits in a row of at most 80 columns, with its command below", () => {
    expect(text).toMatch(
      /^Qwen3 4B +chat, several languages +2\.5 GB +4\.\d GB +\d+ +~\d+\n {2}waggle pull hf:Qwen\/Qwen3-4B-GGUF:Q4_K_M$/m,
    );
    const large = { machine: machineOf(999), advice: adviseModels(machineOf(999), settings) };
    const rows = formatAdvice(large, createStyle(false)).split("\n\n")[1] ?? "";
    expect(rows.split("\n")).toHaveLength(1 + 2 * recommendedModels.length);
    expect(Math.max(...rows.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  test("says where the layers are, and which models were downloaded, if there is something to say", () => {
    expect(text).toMatch(/TOK\/S$/m);
    const gpu = { name: "Bee 1", totalBytes: 99e9, freeBytes: 99e9 };
    const machine = { ...machineOf(9), gpu };
    const advice = adviseModels(machine, settings).map(({ model, row }) => ({
      ...{ row, model: { ...model, downloaded: "2026-01-02" as const } },
    }));
    expect(formatAdvice({ machine, advice }, createStyle(false))).toMatch(/^Qwen3 4B .* all +2026-01-02$/m);
  });

  test("counts the others, and has the date and the free memory", () => {
    const shown = text.match(/^ {2}waggle pull /gm)?.length ?? 0;
    expect(text).toContain(`${recommendedModels.length - shown} more models of the list do not fit.\n`);
    expect(text).toContain(`This list of ${listedOn} comes from documentation.`);
    expect(text).toMatch(/^4\.3 GB of memory are free\./m);
  });
});

test("doctor names the best model of each purpose, and its command", () => {
  const findings = checkRecommended(small);
  expect(findings.map(({ text }) => text.split(":")[0])).toEqual(["chat", "code", "several languages", "embedding"]);
  expect(findings[0]).toMatchObject({
    ...{ check: "Recommended", level: "ok", remedy: "Download it: waggle pull hf:Qwen/Qwen3-4B-GGUF:Q4_K_M" },
    text: expect.stringMatching(
      /^chat: Qwen3 4B \(2\.5 GB, fits with \d+ tokens of context, ~\d+ tokens\/s; never downloaded with Waggle\)$/,
    ) as string,
  });
  const none = checkRecommended({ machine: machineOf(0.5), advice: adviseModels(machineOf(0.5), settings) });
  expect(none.map(({ text, remedy }) => [text, remedy])).toContainEqual([
    `chat: no model of the list of ${listedOn} fits`,
    undefined,
  ]);
});
