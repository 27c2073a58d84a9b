// What a token costs the engine's backend: tokens per second of explicit steps on a real model, for one slot and for all, in alternation.
//   node --conditions=waggle-source --import tsx bench/engine.ts [--slots 8] [--rounds 5] [--steps 200] [--threads 1] [--model path] [--json]
import { fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { BenchedWidth, StepsReport, StepsSetup } from "./lib/engine-steps.ts";

const { values } = parseArgs({
  options: {
    slots: { type: "string", default: "8" },
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "200" },
    threads: { type: "string", default: "1" },
    model: { type: "string", default: fileURLToPath(import.meta.resolve("../models/waggle-tiny-stories.gguf")) },
    json: { type: "boolean", default: false },
  },
});

const setup: StepsSetup = {
  modelPath: resolve(values.model),
  slots: count("slots"),
  rounds: count("rounds"),
  steps: count("steps"),
  threads: count("threads"),
};
const report = await measure(setup);
if (values.json) console.log(JSON.stringify({ ...setup, ...report }));
else print(report);

/** In a process of its own, as the engine runs in the worker: with one thread in the pool, so that every pass runs on the same one. */
async function measure(wanted: StepsSetup): Promise<StepsReport> {
  const child = fork(fileURLToPath(import.meta.resolve("./lib/engine-steps.ts")), [], {
    execArgv: ["--conditions=waggle-source", "--import", import.meta.resolve("tsx")],
    env: { UV_THREADPOOL_SIZE: "1" },
  });
  try {
    child.send(wanted);
    const [answer] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (typeof answer !== "object") throw new Error("Cannot measure the engine: its process left early");
    return answer as StepsReport;
  } finally {
    child.kill();
  }
}

function print({ modelName, build, widths }: StepsReport): void {
  console.log(`${modelName}, ${build} build, ${setup.threads} thread(s), medians of ${setup.rounds} rounds`);
  console.log("| slots | tokens/s | ms per step | lowest and highest round |");
  console.log("|---|---|---|---|");
  for (const width of widths) console.log(line(width));
}

function line({ width, tokensPerSecond, stepMs, rounds }: BenchedWidth): string {
  const range = `${Math.round(Math.min(...rounds))} to ${Math.round(Math.max(...rounds))}`;
  return `| ${width} | ${Math.round(tokensPerSecond)} | ${stepMs.toFixed(2)} | ${range} |`;
}

function count(name: "slots" | "rounds" | "steps" | "threads"): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a positive integer`);
  return value;
}
