import { expect, test } from "vitest";
import { madeUpModel } from "../testing/made-up-model.ts";
import { renderFitReport } from "./render.ts";
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
  expect(lines[0]).toMatch(
    /^file +quant +size +context +pool +needs +largest context +most slots +tokens\/s +verdict$/,
  );
  expect(lines[1]).toMatch(/^x-Q8_0.gguf +Q8_0 +1\.0 GB +4096 +16384 +1\.\d GB +4096 +\d+ +~10 +fits$/);
  expect(lines[2]).toMatch(/^x-F32.gguf +F32 +8\.0 GB +4096 +16384 +8\.\d GB +- +- +~1.2 +does not fit$/);
  expect(lines[3]).toMatch(/^clip.gguf .*neither generates text nor embeds it$/);
  expect(text).toContain("4.0 GB of memory are free.");
  expect(text).toContain("Context is the most tokens of one job, pool of all running jobs together (4 slots).");
  expect(text).toContain("10.0 GB/s with 2 threads, ± 4 %");
  expect(text).not.toContain("busy");
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
  expect(text).toContain("together (4 slots); one job may use all of a shared pool.");
});
