// Owns what a scenario is: a name, what it breaks, and a verdict.
import type { ProcessGroups } from "@waggle/testing/harness";

export interface ScenarioOptions {
  readonly groups: ProcessGroups;
  readonly requests: number;
  readonly seed: number;
  readonly interrupted: AbortSignal;
  readonly progress: (line: string) => void;
}

/** What is wrong; nothing where all holds. */
export type Verdict = readonly string[];

export interface FleetScenario {
  readonly name: string;
  readonly what: string;
  /** Why it cannot run here; undefined where it can. */
  readonly whyNot?: () => Promise<string | undefined>;
  run(options: ScenarioOptions): Promise<Verdict>;
}
