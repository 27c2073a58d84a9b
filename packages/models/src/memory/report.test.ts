import { expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { neededBytes, renderFitReport } from "./render.ts";
import { fitReport } from "./report.ts";

const machine = { freeBytes: 4e9, bandwidth: { bytesPerSecond: 1e10, error: 0.04, threads: 2 } };
const header = madeUpModel({ tensors: [["output.weight", 1e9]] });

test("a single header gives a row for each quantization", () => {
  const { rows } = fitReport(
    [
      { name: "x-Q4_0.gguf", quantization: "Q4_0", header, fileBytes: header.fileBytes / 2 },
      { name: "x-Q8_0.gguf", header },
      { name: "x-F32.gguf", quantization: "F32", header, fileBytes: header.fileBytes * 8 },
    ],
    machine,
  );
  const weights = rows.map(({ fit }) => Math.round((fit?.estimate.weights ?? 0) / 1e7));
  expect(weights).toEqual([50, 100, 800]);
  expect(rows.map(({ fit }) => fit?.verdict)).toEqual(["fits", "fits", "none"]);
});

test("the report of several models is a table", () => {
  const text = renderFitReport(
    fitReport(
      [
        { name: "x-Q8_0.gguf", quantization: "Q8_0", header },
        { name: "x-F32.gguf", quantization: "F32", header, fileBytes: header.fileBytes * 8 },
        { name: "clip.gguf", header: madeUpModel({ architecture: "clip" }) },
      ],
      machine,
      { slots: 4 },
    ),
  );
  const lines = text.split("\n");
  expect(lines[0]).toMatch(/^ {2}file +quant +size +1 answer +4 answers +context +tokens\/s +verdict$/);
  expect(lines[1]).toMatch(/^\* x-Q8_0 +Q8_0 +1\.0 GB +1\.\d GB +1\.\d GB +4096 +~10 +fits$/);
  expect(lines[2]).toMatch(/^ {2}x-F32 +F32 +8\.0 GB +8\.\d GB +8\.\d GB +4096 +~1.2 +does not fit$/);
  expect(lines[3]).toMatch(/^ {2}clip .* unusable$/);
  expect(text).toMatch(/^clip\.gguf: .*neither generates text nor embeds it\.$/m);
  expect(text).toContain("* is the one to take on this machine.\n");
  expect(text).toContain("4.0 GB of memory are free.");
  expect(text).toContain(
    "1 answer: memory for one answer at a time. 4 answers: with all slots; --slots 1 reserves less.\n",
  );
  expect(text).toContain("Context is the most tokens of one answer.\n");
  expect(text).toContain("10.0 GB/s with 2 threads, ± 4 %");
  expect(text).not.toContain("busy");
});

test("the report takes at most 100 columns, and marks one of several quantizations", () => {
  const name = `Qwen3-Coder-30B-A3B-Instruct-${"very-".repeat(20)}long`;
  const gpu = { name: "a GPU", totalBytes: 4e9, freeBytes: 1e9, bytesPerSecond: 1e11 };
  const quantizations = ["Q2_K", "Q4_K_M", "Q8_0"].map((quantization, i) => ({
    ...{ name: `${name}-${quantization}.gguf`, quantization, header },
    fileBytes: header.fileBytes * (1 + i / 2),
  }));
  for (const one of [machine, { ...machine, gpu }]) {
    const lines = renderFitReport(fitReport(quantizations, one, { slots: 8, hasAddon: true })).split("\n");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(lines.filter((line) => line.startsWith("* Qwen3"))).toEqual([expect.stringContaining("Q4_K_M")]);
    const busy = { ...one, bandwidth: { ...machine.bandwidth, error: 0.4 } };
    expect(renderFitReport(fitReport(quantizations, busy, { slots: 8, hasAddon: true }))).not.toContain("* ");
  }
});

test("a model that writes less than a word a second is slow", () => {
  const slow = { ...machine, bandwidth: { ...machine.bandwidth, bytesPerSecond: 1e9 } };
  expect(renderFitReport(fitReport([{ name: "x.gguf", header }], slow))).toMatch(/^x .* slow$/m);
});

test("one answer needs less memory than all slots", () => {
  const { fit } = fitReport([{ name: "x.gguf", header }], machine, { slots: 8 }).rows[0] ?? {};
  expect(fit?.oneAnswerBytes).toBeLessThan(fit === undefined ? 0 : neededBytes(fit));
  const { fit: single } = fitReport([{ name: "x.gguf", header }], machine, { slots: 1 }).rows[0] ?? {};
  expect(single?.oneAnswerBytes).toBe(single === undefined ? 0 : neededBytes(single));
});

test("the report of a single model lists the parts of its memory, and mentions a busy machine", () => {
  const busy = { ...machine, bandwidth: { ...machine.bandwidth, error: 0.4 }, gpu: { name: "a GPU", freeBytes: 1e9 } };
  const text = renderFitReport(fitReport([{ name: "x.gguf", header }], busy, { gpuLayers: 0 }));
  expect(text).toMatch(/weights +1\.0 GB\n +KV cache of 4096 tokens +2\.1 MB/);
  expect(text).toContain("1.0 GB on a GPU");
  expect(text).toContain("busy");
});

test("the report says that one job may use a whole shared pool", () => {
  const text = renderFitReport(fitReport([{ name: "x.gguf", header }], machine, { slots: 4, hasAddon: true }));
  expect(text).toContain("one answer; one answer may use the context of all.");
});
