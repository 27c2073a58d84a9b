// Defines a scenario: cases that run on one target at a time, and the functions that they may use.
import { times, type LoadAnswer, type LoadOptions, type LoadRequest } from "@waggle/testing/harness";
import type { ScriptedModel } from "@waggle/testing/models";
import type { Figures } from "./figures.ts";
import type { PromptMaker } from "./prompts.ts";

/** The input of a case: one target, and the current round. */
export interface CaseInput {
  readonly prompts: PromptMaker;
  /** A case can keep state for each target under this name. */
  readonly targetName: string;
  /** A seed for a purpose in this round, unique in this run; the same for all targets. */
  seed(purpose: number): number;
  generate(wanted: Omit<LoadRequest, "seed">, options?: Omit<LoadOptions, "signal">): Promise<LoadAnswer>;
}

export interface BenchCase {
  readonly label: string;
  /** Why this case cannot be played with these options. */
  readonly skipped?: string;
  /** Tokens of context that a slot must have. */
  readonly contextTokens: number;
  readonly play: (input: CaseInput) => Promise<Figures>;
}

export interface Scenario {
  readonly name: string;
  cases(options: ScenarioOptions): readonly BenchCase[];
}

export interface ScenarioOptions {
  readonly slots: number;
  readonly concurrency: readonly number[];
  /** Tokens of each answer, in scenarios without a fixed number. */
  readonly maxTokens: number;
  /** Tokens of the prompt that joins running streams. */
  readonly joiningTokens: number;
  /** Tokens of the prompts of these running streams, in one case each. */
  readonly heldTokens: readonly number[];
  /** Numbers of streams that hold long contexts, and tokens of these contexts: one case for each pair. */
  readonly contextStreams: readonly number[];
  readonly contextTokens: readonly number[];
  /** The model of all servers, if it is a scripted one. */
  readonly scripted?: Pick<ScriptedModel, "say"> | undefined;
}

/** Parallel streams, each with a different prompt. */
export function sideBySide(
  input: CaseInput,
  streams: number,
  promptTokens: number,
  maxTokens: number,
): Promise<LoadAnswer[]> {
  return times(streams, (stream) =>
    input.generate({ prompt: input.prompts.make(promptTokens, input.seed(stream)), maxTokens }),
  );
}

export function streamsLabel(streams: number): string {
  return `${streams} ${streams === 1 ? "stream" : "streams"}`;
}
