// Compares a fleet with a single worker: its overhead and its speed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guarded, integerOf, namedOf, round, type ProcessGroups } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import type { Command as Program } from "commander";
import { benchFirstToken, benchRelease, benchSpeed, benchWorkers } from "./fleet/bench.ts";
import { measureIdle } from "./fleet/idle.ts";

interface Flags {
  readonly rounds: string;
  readonly only?: readonly string[];
}

interface FigureOptions {
  readonly groups: ProcessGroups;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

interface Figure {
  readonly name: string;
  measure(options: FigureOptions): Promise<void>;
}

const mostRounds = 1_000;
/** Sizes of the fleets whose idle traffic is measured. */
const idleFleets = [3, 11];

const figures: readonly Figure[] = [
  { name: "first-token", measure: firstToken },
  { name: "speed", measure: speed },
  { name: "release", measure: release },
  { name: "workers", measure: workers },
  { name: "idle", measure: idle },
];

export function addFleet(command: Program): void {
  command
    .option("--rounds <n>", "rounds of each figure (first-token: 20 times as many, release: 4 times)", "5")
    .option("--only <figure...>", `measure only these: ${figures.map(({ name }) => name).join(", ")}`)
    .action(fleetBench);
}

function fleetBench(flags: Flags): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return guarded("bench fleet", async (groups, { signal }) => {
    const rounds = integerOf("--rounds", flags.rounds, 1, mostRounds);
    for (const { measure } of namedOf("Cannot measure", figures, flags.only)) {
      await measure({ groups, rounds, signal, say });
    }
  });
}

async function firstToken({ groups, rounds, signal, say }: FigureOptions): Promise<void> {
  const ttft = await benchFirstToken({ groups, model: undefined, rounds: 20 * rounds, signal });
  say(
    `first token (embedded model, p50): worker ${ms(ttft.worker)}, gateway ${ms(ttft.gateway)}, difference ${ms(ttft.differenceP50)}`,
  );
}

async function speed(options: FigureOptions): Promise<void> {
  await withLargeModel(async (model) => {
    const found = await benchSpeed({ ...options, model }, 64);
    options.say(
      `8 streams (135M shape, one thread): worker ${tps(found.worker)}, gateway ${tps(found.gateway)}, ratio ${found.ratio.toFixed(3)}`,
    );
  });
}

async function release({ groups, rounds, say }: FigureOptions): Promise<void> {
  const found = await benchRelease({ groups, rounds: 4 * rounds });
  for (const how of ["cancel", "disconnect", "supersede"] as const) {
    say(
      `slot free after ${how} (a step takes ${found.stepMs} ms): p50 ${ms(found[how].p50)}, max ${ms(found[how].max)}`,
    );
  }
}

async function workers(options: FigureOptions): Promise<void> {
  await withLargeModel(async (model) => {
    const single = await benchWorkers({ ...options, model }, 1, 48);
    options.say(`1 worker with one thread (135M shape): ${tps(single)}`);
    for (const count of [2, 3]) {
      const rate = await benchWorkers({ ...options, model }, count, 48);
      options.say(`${count} workers with one thread each: ${tps(rate)}, ${(rate / single).toFixed(2)} times as fast`);
    }
  });
}

async function idle({ groups, signal, say }: FigureOptions): Promise<void> {
  for (const count of idleFleets) {
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = await measureIdle(groups, count, signal);
    say(
      `idle, a gateway and ${count} workers: ${messagesReceived.toFixed(1)} messages/s to nats-server (${kilobytes(bytesReceived)}), ${messagesSent.toFixed(1)} from it (${kilobytes(bytesSent)})`,
    );
  }
}

async function withLargeModel(measure: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-fleet-"));
  try {
    const large = join(folder, "shape-135m.gguf");
    writeRandomModel(shapeNamed("135m"), large);
    await measure(large);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function ms(value: number): string {
  return `${round(value)} ms`;
}

function tps(value: number): string {
  return `${Math.round(value)} tokens/s`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} kB/s`;
}
