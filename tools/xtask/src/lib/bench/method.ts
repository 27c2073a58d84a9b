// Owns the sentence that says how something was measured: figures without it are worth nothing.
import { arch, availableParallelism, cpus, platform } from "node:os";
import type { Target } from "./target.ts";

export interface Method {
  readonly model: string;
  readonly rounds: number;
  readonly ours: string;
  readonly theirs: string | undefined;
  readonly machine: string;
}

export function describeMethod(model: string, rounds: number, ours: Target, theirs: Target | undefined): Method {
  const cpu = cpus()[0]?.model.trim() ?? `${platform()} ${arch()}`;
  const machine = `${availableParallelism()} cores (${cpu}), Node ${process.version}`;
  return { model, rounds, ours: ours.about, theirs: theirs?.about, machine };
}

/** @param loads load averages of the cases */
export function methodSentence({ model, rounds, ours, theirs, machine }: Method, loads: readonly number[]): string {
  const against = theirs === undefined ? "" : ` against ${theirs}, in alternation`;
  const load = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  return (
    `${ours}${against}; medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}. Model: ${model}. ${machine}; ` +
    `the load client is one process on the same cores. Load average ${load}.`
  );
}
