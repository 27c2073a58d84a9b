// Owns the sentence that says how something was measured: figures without it are worth nothing.
import { arch, availableParallelism, cpus, platform } from "node:os";
import type { Target } from "./target.ts";

export interface Method {
  readonly cores: number;
  readonly cpu: string;
  readonly node: string;
  readonly model: string;
  readonly rounds: number;
  readonly ours: string;
  readonly theirs: string | undefined;
}

export function describeMethod(model: string, rounds: number, ours: Target, theirs: Target | undefined): Method {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? `${platform()} ${arch()}`,
    node: process.version,
    model,
    rounds,
    ours: ours.about,
    theirs: theirs?.about,
  };
}

/** @param loads load averages of the cases */
export function methodSentence(method: Method, loads: readonly number[]): string {
  const against = method.theirs === undefined ? "" : ` against ${method.theirs}, in alternation`;
  const rounds = `medians of ${method.rounds} ${method.rounds === 1 ? "round" : "rounds"}`;
  const load =
    loads.length === 0 ? "" : ` Load average ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}.`;
  return (
    `${method.ours}${against}; ${rounds}. Model: ${method.model}. ${method.cores} cores (${method.cpu}), Node ${method.node}; ` +
    `the load client is one process on the same cores.${load}`
  );
}
