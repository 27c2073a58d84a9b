import { expect, it } from "vitest";
import { modelStatus } from "../models/testing/model-status.ts";
import { problemsOf } from "./problems.ts";
import { parseScrape } from "./prometheus.ts";

it("lists what is wrong, with what to do, and nothing without a problem", () => {
  const scrape = parseScrape(
    [
      'waggle_queue_depth{model="bee"} 64',
      'waggle_queue_capacity{model="bee"} 64',
      'waggle_queue_depth{model="wasp"} 3',
      'waggle_queue_capacity{model="wasp"} 64',
      "waggle_machine_memory_bytes 16000000000",
      "waggle_machine_memory_free_bytes 500000000",
      'waggle_disk_bytes{folder="models"} 100',
      'waggle_disk_free_bytes{folder="models"} 50',
    ].join("\n"),
  );
  const models = [modelStatus("ant", { state: "failed", reason: "The file is cut off." }), modelStatus("bee")];
  const problems = problemsOf({ state: "draining", reason: undefined, models, scrape });
  expect(problems.map(({ title, model }) => [title, model])).toEqual([
    ["The server is draining.", undefined],
    ["ant failed: The file is cut off.", "ant"],
    ["The queue of bee is full: 64 jobs waiting.", undefined],
    ["Little memory is free: 500 MB of 16.0 GB.", undefined],
  ]);
  expect(problemsOf({ state: "ready", reason: undefined, models: [], scrape: new Map() })).toEqual([]);
});
