// Owns the types of the library's internals: its context object and its samplers, which compute a pass without the library's queue and promises.
// All knowledge about these internals is here. They do not change as long as the library's version is pinned.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";

/** The addon's context (3.22.1, `AddonContext`). Methods with a promise compute on a thread of libuv's pool. */
export interface DirectContext {
  /** Drops the last batch, and reserves space for this many tokens. */
  initBatch(tokens: number): void;
  /** @returns the sample positions of the tokens in `withLogits`; valid after the next decode, until the decode after that */
  addToBatch(sequence: number, from: number, tokens: Uint32Array, withLogits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** @returns the token; -1 if no token was left to sample */
  sampleToken(position: number, sampler: DirectSampler): Promise<number>;
  /**
   * Reads logits that the sampler has left, as an array of token, logit, token, logit …. With `logits` true, the array has all
   * these logits; else those of the `top` most probable tokens, and those of `tokens`. With `top`, the call sorts all logits.
   * With `totalWeight` the result also has the sum of exp(logit - greatest logit).
   */
  sampleToken(
    position: number,
    sampler: DirectSampler,
    probabilities: false,
    confidence: false,
    logits: true | readonly [tokens: readonly number[], max: boolean, min: boolean, selected: boolean, top: number],
    totalWeight: boolean,
  ): Promise<readonly [number, undefined, undefined, readonly number[] | undefined, number | undefined]>;
  setThreads(threads: number): void;
  /** @returns false if the sequence cannot be cut there */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  shiftSequenceTokenCells(sequence: number, from: number, to: number, by: number): void;
  disposeSequence(sequence: number): void;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>;
  restoreCheckpoint(checkpoint: DirectCheckpoint, lastPosition: number, sequence: number): Promise<boolean>;
}

/** The methods that the patch of `xtask engine:build` adds (decision 078). */
export interface NativeStep {
  /**
   * Decodes the batch and samples at these positions, in one call on a thread of libuv's pool.
   * @param seeds a seed for each position
   * @param topCounts for each position: 0 without logprobs, else 1 + the number of alternatives
   * @returns for each position its token, or -1 if no token was left. With logprobs, more numbers follow: the token's logit, the greatest logit,
   *   the sum of exp(logit - greatest) over the vocabulary, and token and logit of each alternative, most probable first.
   */
  decodeBatchAndSample(
    positions: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /**
   * Queues a step behind the last requested step. Each row feeds a token that the preceding step samples.
   * @param sources for each row, the index of an output of the preceding step; if that output has no token, the row gets no token either
   * @returns an empty array if the step was withdrawn
   */
  decodeSampledAndSample(
    sources: Int32Array,
    sequences: Int32Array,
    positions: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /** Withdraws the last requested step. @returns false if it has begun */
  withdrawSampledStep(): boolean;
  /**
   * Reads raw logits of the last decode, on the calling thread.
   * @returns the greatest logit; the sum of exp(logit - greatest), NaN without `total`; the number of most probable tokens, and token and logit of
   *   each; then the logits of `tokens`
   */
  getLogits(position: number, top: number, tokens: Uint32Array, total: boolean): Float64Array;
}

/** `AddonSampler`: a chain of llama.cpp's samplers. `applyConfig` rebuilds the samplers whose settings have changed. */
export interface DirectSampler {
  applyConfig(config: DirectSamplerConfig): void;
}

export interface DirectSamplerConfig {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  seed: number;
  xtcProbability?: number;
  xtcThreshold?: number;
  repeatPenalty?: number;
  repeatPenaltyMaxTokens?: number;
  repeatPenaltyTokens?: Uint32Array;
  repeatPenaltyPresencePenalty?: number;
  repeatPenaltyFrequencyPenalty?: number;
  tokenBiasKeys?: Uint32Array;
  tokenBiasValues?: Float32Array;
}

/** Settings of a sampler that changes no logits and selects the most probable token. */
export const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 } as const;

/** A sequence's state at a position, for models with recurrent layers. */
export interface DirectCheckpoint {
  init(context: DirectContext, sequence: number): Promise<void>;
  dispose(): void;
  readonly size: number;
}

export interface DirectLibrary {
  readonly context: DirectContext;
  /** Undefined if the binary was built without the patch. */
  readonly native: NativeStep | undefined;
  createSampler(): DirectSampler;
  createCheckpoint(): DirectCheckpoint;
}

const contextMethods = [
  "initBatch",
  "addToBatch",
  "decodeBatch",
  "sampleToken",
  "setThreads",
  "removeTokenCellsFromSequence",
  "shiftSequenceTokenCells",
  "disposeSequence",
  "saveSequenceStateToFile",
  "loadSequenceStateFromFile",
  "restoreCheckpoint",
] as const satisfies readonly (keyof DirectContext)[];

/** @returns undefined if the library's internals are not as expected: passes then use its public API */
export function directLibraryOf(llama: Llama, model: LlamaModel, context: LlamaContext): DirectLibrary | undefined {
  const { _ctx: inside } = context as unknown as { readonly _ctx?: DirectContext };
  const { _model: modelInside } = model as unknown as { readonly _model?: object };
  const { _bindings: bindings } = llama as unknown as { readonly _bindings?: Bindings };
  if (inside === undefined || modelInside === undefined || bindings === undefined) return undefined;
  const { AddonSampler: Sampler, AddonContextSequenceCheckpoint: Checkpoint } = bindings;
  if (contextMethods.some((name) => typeof inside[name] !== "function")) return undefined;
  if (typeof Sampler !== "function" || typeof Sampler.prototype.applyConfig !== "function") return undefined;
  if (typeof Checkpoint !== "function") return undefined;
  return {
    context: inside,
    native: hasNativeStep(inside) ? inside : undefined,
    createSampler: () => new Sampler(modelInside),
    createCheckpoint: () => new Checkpoint(),
  };
}

function hasNativeStep(context: object): context is NativeStep {
  const step = context as Partial<NativeStep>;
  return (["decodeBatchAndSample", "decodeSampledAndSample", "withdrawSampledStep", "getLogits"] as const).every(
    (name) => typeof step[name] === "function",
  );
}

interface Bindings {
  readonly AddonSampler?: { new (model: object): DirectSampler; readonly prototype: Partial<DirectSampler> };
  readonly AddonContextSequenceCheckpoint?: new () => DirectCheckpoint;
}
