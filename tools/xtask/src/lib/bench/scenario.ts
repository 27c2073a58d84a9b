// Owns what a scenario is: cases that are played on one target at a time, and what they may use.
import type { LoadRequest } from "./dialects.ts";
import type { Figures } from "./figures.ts";
import type { Answer } from "./load-client.ts";
import type { PromptMaker } from "./prompts.ts";

/** What a case plays with: one target, and the round that is played. */
export interface Stage {
  readonly prompts: PromptMaker;
  /** Tells the targets apart, so that a case can keep something for each. */
  readonly targetName: string;
  readonly round: number;
  readonly signal: AbortSignal;
  /** A number that no other round and purpose of this run has; the same for both targets. */
  seed(purpose: number): number;
  generate(wanted: Omit<LoadRequest, "seed">, onArrival?: (count: number) => void): Promise<Answer>;
}

export interface BenchCase {
  readonly label: string;
  /** Tokens of context that a slot must have. */
  readonly contextTokens: number;
  /** Once for each target, before the first round. */
  readonly prepare?: (stage: Stage) => Promise<void>;
  readonly play: (stage: Stage) => Promise<Figures>;
  /** What the memory gains in a round is a figure of this case. */
  readonly watchesMemory?: true;
  /** Puts the machine into a state while the case is played on each target. */
  readonly disturb?: () => Disposable;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  cases(options: ScenarioOptions): readonly BenchCase[];
}

export interface ScenarioOptions {
  readonly slots: number;
  readonly concurrency: readonly number[];
  /** Tokens of each answer, where a scenario does not need its own number. */
  readonly maxTokens: number;
}

/** As many streams at once, each with a prompt of its own. */
export async function sideBySide(
  stage: Stage,
  streams: number,
  promptTokens: number,
  maxTokens: number,
): Promise<Answer[]> {
  return await Promise.all(
    Array.from({ length: streams }, (_, stream) =>
      stage.generate({ prompt: stage.prompts.make(promptTokens, stage.seed(stream)), maxTokens }),
    ),
  );
}
