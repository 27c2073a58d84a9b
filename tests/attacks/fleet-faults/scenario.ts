// Defines a scenario: a name, the fault that it causes, and a run that returns the problems it found.
import type { ProcessGroups } from "@waggle/testing/harness";

export interface ScenarioOptions {
  readonly groups: ProcessGroups;
  readonly requests: number;
  readonly seed: number;
  readonly progress: (line: string) => void;
}

/** Problems; empty if the scenario passed. */
export type Verdict = readonly string[];

/** A worker is killed for each of so many requests, twice at least. */
export const killsOf = ({ requests }: ScenarioOptions): number => Math.max(2, Math.floor(requests / 40));

export interface FleetScenario {
  readonly name: string;
  readonly what: string;
  /** Returns what the scenario needs and this machine lacks; undefined if it can run. */
  readonly missing?: () => Promise<string | undefined>;
  run(options: ScenarioOptions): Promise<Verdict>;
}
