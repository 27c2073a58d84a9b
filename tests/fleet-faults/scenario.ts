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

export interface FleetScenario {
  readonly name: string;
  readonly what: string;
  /** Returns the reason why the scenario cannot run on this machine; undefined if it can. */
  readonly whyNot?: () => Promise<string | undefined>;
  run(options: ScenarioOptions): Promise<Verdict>;
}
