// Owns the types of the library's inside: its context object and its samplers, on which a pass runs without the library's queue, promises and
// meters. Internal, and stable in a pinned version; all knowledge of it is here, and `directLibraryOf` checks that it is there.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";

/** The addon's context (3.22.1, `AddonContext`). Calls that compute run on a thread of libuv, in the order of the calls. */
export interface DirectContext {
  /** Forgets the last batch and makes room for so many tokens. */
  initBatch(tokens: number): void;
  /** @returns the sample positions of these tokens: valid from the next decode to the one after it */
  addToBatch(sequence: number, from: number, tokens: Uint32Array, withLogits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** @returns the token; -1: no token was left to sample */
  sampleToken(position: number, sampler: DirectSampler): Promise<number>;
  /**
   * The logits that the sampler has left, as token, logit, token, logit: all of them, or the `top` most probable ones, which sorts the rest, and then
   * `tokens`. Optionally with the sum of exp(logit - greatest).
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
  /** @returns false where the model's memory cannot be cut there */
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
   * Decodes the batch and samples at these positions in one call on the other thread, each from its seed.
   * @param topCounts for each position 1 more than the alternatives with logprobs; 0: no logprobs
   * @returns for each position its token, -1 where no token was left; with logprobs the token's logit, the greatest one and the sum of exp(logit - greatest) over
   * the vocabulary, then token and logit of each alternative, the most probable one first
   */
  decodeBatchAndSample(
    positions: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /**
   * Queues a step behind the last requested one: each row feeds the token that the source, an output of that step, has sampled. Where the source
   * has no token, the row has no token either.
   * @returns an empty array when the step was withdrawn
   */
  decodeSampledAndSample(
    sources: Int32Array,
    sequences: Int32Array,
    positions: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /** Withdraws the last requested step. @returns whether it had not begun */
  withdrawSampledStep(): boolean;
  /**
   * Raw logits of the last decode, without the other thread.
   * @returns the greatest one, the sum as above or NaN, how many of the most probable ones follow, token and logit of each of these, and the logits of `tokens`
   */
  getLogits(position: number, top: number, tokens: Uint32Array, total: boolean): Float64Array;
}

/** `AddonSampler`: a chain of llama.cpp's samplers, which `applyConfig` rebuilds where a setting has changed. */
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

/** The settings of a sampler that changes no logit and selects the most probable token. */
export const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 } as const;

/** A sequence's state at one position, for models whose memory cannot be cut. */
export interface DirectCheckpoint {
  init(context: DirectContext, sequence: number): Promise<void>;
  dispose(): void;
  readonly size: number;
}

export interface DirectLibrary {
  readonly context: DirectContext;
  /** Undefined in a binary without the patch. */
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

/** Undefined where the library's inside is different: then passes use its public API. */
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
