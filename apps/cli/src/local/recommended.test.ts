// Tests what commands say of recommended models, on machines of made-up sizes.
import { createStyle, formatBytes } from "@waggle/daemon/terminal";
import { busyWords, neededBytes } from "@waggle/models/memory";
import { adviseModels, listedOn, recommendedModels } from "@waggle/models/recommended";
import { describe, expect, test } from "vitest";
import { fitWord, formatAdvice } from "./recommended.ts";

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
      /^Qwen3 4B +chat, several languages +2\.5 GB +4\.\d GB +\d+ +~\d+\n {2}waggle pull hf:Qwen\/Qwen3-4B-GGUF:Q4_K_M {2}← take this one$/m,
    );
    const large = { machine: machineOf(999), advice: adviseModels(machineOf(999), settings) };
    const rows = formatAdvice(large, createStyle(false)).split("\n\n")[1] ?? "";
    expect(rows.split("\n")).toHaveLength(1 + 2 * recommendedModels.length);
    expect(Math.max(...rows.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  test("says where the layers are, if there is a GPU", () => {
    expect(text).toMatch(/TOK\/S$/m);
    const machine = { ...machineOf(9), gpu: { name: "Bee 1", totalBytes: 99e9, freeBytes: 99e9 } };
    const advice = adviseModels(machine, settings);
    expect(formatAdvice({ machine, advice }, createStyle(false))).toMatch(/^Qwen3 4B .* all$/m);
  });

  test("marks one model to take, and calls a model slow that writes less than a word a second", () => {
    expect(text.match(/take this one/g)).toHaveLength(1);
    expect(text).toMatch(/^ {2}waggle pull hf:Qwen\/Qwen3-4B-GGUF:Q4_K_M {2}← take this one$/m);
    const machine = { freeBytes: 64 * 2 ** 30, bandwidth: { bytesPerSecond: 10e9, error: 0, threads: 2 } };
    const advice = adviseModels(machine, settings);
    expect(formatAdvice({ machine, advice }, createStyle(false))).toMatch(/^Gemma 3 27B .* slow$/m);
    const row = (name: string) => advice.find(({ model }) => model.name === name)?.row ?? expect.fail(name);
    expect([row("Gemma 3 27B"), row("Qwen3 4B"), row("Llama 3.3 70B")].map(fitWord)).toEqual([
      ...["slow on this machine", "fits", "slow on this machine"],
    ]);
  });

  test("shows the memory of one answer, and marks no model after a measurement of a busy machine", () => {
    const { row } = small.advice.find(({ model }) => model.name === "Qwen3 4B") ?? expect.fail();
    expect(row.fit?.oneAnswerBytes).toBeLessThan(row.fit === undefined ? 0 : neededBytes(row.fit));
    expect(text).toMatch(new RegExp(`^Qwen3 4B .* 2\\.5 GB +${formatBytes(row.fit?.oneAnswerBytes ?? 0)} `, "m"));
    const busy = { ...small, machine: { ...small.machine, bandwidth: { ...small.machine.bandwidth, error: 0.5 } } };
    expect(formatAdvice(busy, createStyle(false))).not.toContain("take this one");
    expect(formatAdvice(busy, createStyle(false))).toContain(`\n${busyWords}\n`);
  });

  test("counts the others, and has the date and the free memory", () => {
    const shown = text.match(/^ {2}waggle pull /gm)?.length ?? 0;
    expect(text).toContain(`${recommendedModels.length - shown} more models of the list do not fit.\n`);
    expect(text).toContain(`The list is of ${listedOn}.`);
    expect(text).not.toContain("downloaded");
    expect(text).toMatch(/^4\.3 GB of memory are free\./m);
  });
});
