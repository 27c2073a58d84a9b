// Owns the command fleet:bench: its options, and how its figures are shown.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { round } from "@waggle/harness";
import { shapeNamed, writeRandomModel } from "@waggle/synth";
import type { Command as Program } from "commander";
import { benchWaiting } from "../lib/fleet/bench-waiting.ts";
import { benchFirstToken, benchRelease, benchSpeed, benchWorkers } from "../lib/fleet/bench.ts";
import { integerOf } from "../lib/options.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly rounds: string;
  readonly waiting: string;
  readonly only?: "waiting";
}

const mostRounds = 1_000;
const mostWaiting = 4_000;

export function addFleetBench(program: Program): void {
  program
    .command("fleet:bench")
    .description(
      "measure a fleet beside a worker of its own: first token, speed, how soon a slot is free, more workers, and waiting jobs",
    )
    .option("--rounds <n>", "of each, worker and gateway in turns", "5")
    .option("--waiting <n>", "jobs that wait in the gateway's queue", "1000")
    .addOption(program.createOption("--only <what>", "measure this alone").choices(["waiting"]))
    .action(fleetBench);
}

function fleetBench(flags: Flags): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return guarded("fleet:bench", async (groups, ending) => {
    const rounds = integerOf("--rounds", flags.rounds, 1, mostRounds);
    const waiting = integerOf("--waiting", flags.waiting, 1, mostWaiting);
    const cost = await benchWaiting(groups, waiting, ending.signal);
    say(
      `headers of ${waiting} jobs that wait: worker p50 ${ms(cost.worker.p50)}, p99 ${ms(cost.worker.p99)}; gateway p50 ${ms(cost.gateway.p50)}, p99 ${ms(cost.gateway.p99)}`,
    );
    say(`NATS keeps ${cost.records} records of jobs, ${Math.round(cost.recordBytes / 1_024)} KiB`);
    say(`processor time for each job: nats-server ${ms(cost.natsCpuMs)}, gateway ${ms(cost.gatewayCpuMs)}`);
    if (flags.only === "waiting") return;
    const folder = mkdtempSync(join(tmpdir(), "waggle-fleet-"));
    try {
      const large = join(folder, "shape-135m.gguf");
      writeRandomModel(shapeNamed("135m"), large);
      const { signal } = ending;
      const embedded = { groups, model: undefined, rounds, signal };
      const shaped = { groups, model: large, rounds, signal };

      const ttft = await benchFirstToken({ ...embedded, rounds: 20 * rounds });
      say(
        `first token (embedded model, p50): worker ${ms(ttft.worker)}, gateway ${ms(ttft.gateway)}, difference ${ms(ttft.differenceP50)}`,
      );
      const speed = await benchSpeed(shaped, 64);
      say(
        `8 streams (135M shape, one thread): worker ${tps(speed.worker)}, gateway ${tps(speed.gateway)}, ratio ${speed.ratio.toFixed(3)}`,
      );
      const release = await benchRelease({ groups, rounds: 4 * rounds });
      for (const how of ["cancel", "disconnect", "supersede"] as const) {
        say(
          `slot free after ${how} (a step takes ${release.stepMs} ms): p50 ${ms(release[how].p50)}, max ${ms(release[how].max)}`,
        );
      }
      const single = await benchWorkers(shaped, 1, 48);
      say(`1 worker of one thread (135M shape): ${tps(single)}`);
      for (const count of [2, 3]) {
        const rate = await benchWorkers(shaped, count, 48);
        say(`${count} workers of one thread: ${tps(rate)}, ${(rate / single).toFixed(2)} times one`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function ms(value: number): string {
  return `${round(value)} ms`;
}

function tps(value: number): string {
  return `${Math.round(value)} tokens/s`;
}
