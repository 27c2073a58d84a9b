// Owns what is known of the library's inside: its context object and its samplers, which a pass can be run on without the library's queue,
// promises and meters. Internal, and stable in a version that is pinned; nothing else knows it, and `directContextOf` looks whether it is there.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";

/** The addon's context (3.22.1, `AddonContext`). Whatever computes runs on a thread of libuv's, in the order in which it was asked for. */
export interface DirectContext {
  /** Forgets the last batch and makes room for so many tokens. */
  initBatch(tokens: number): void;
  /** @returns where the logits of these tokens will be found: valid from the next decode to the one after it */
  addToBatch(sequence: number, from: number, tokens: Uint32Array, withLogits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** -1: there was nothing to sample. */
  sampleToken(place: number, sampler: DirectSampler): Promise<number>;
  /**
   * What the sampler has left of the logits, as token, logit, token, logit: all of them, or the `top` most probable ones, which sorts what is left, and then
   * `tokens`. With them the sum of exp(logit - greatest).
   */
  sampleToken(
    place: number,
    sampler: DirectSampler,
    probabilities: false,
    confidence: false,
    logits: true | readonly [tokens: readonly number[], max: boolean, min: boolean, selected: boolean, top: number],
    totalWeight: boolean,
  ): Promise<readonly [number, undefined, undefined, readonly number[] | undefined, number | undefined]>;
  setThreads(threads: number): void;
  /** False where the model's memory cannot do that. */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  shiftSequenceTokenCells(sequence: number, from: number, to: number, by: number): void;
  disposeSequence(sequence: number): void;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>;
  restoreCheckpoint(checkpoint: DirectCheckpoint, lastPosition: number, sequence: number): Promise<boolean>;
}

/** What the patch adds to it that `xtask engine:build` compiles in (decision 078). */
export interface NativeStep {
  /**
   * Decodes the batch and samples at these places in one visit to the other thread, each from its seed.
   * @param topCounts for each place 1 more than the alternatives whose logprobs are wanted; 0: no logprobs
   * @returns for each place its token, -1 where there was none; with logprobs the token's logit, the greatest one and the sum of exp(logit - greatest) over
   * the vocabulary, then token and logit of each alternative, the most probable one first
   */
  decodeBatchAndSample(
    places: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /**
   * Likewise behind the step that was asked for last: each row feeds what that one's output of this number has sampled. A row whose source has no
   * token has none either.
   * @returns nothing at all when it was withdrawn
   */
  decodeSampledAndSample(
    sources: Int32Array,
    sequences: Int32Array,
    positions: Int32Array,
    samplers: readonly DirectSampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /** Takes back the one that was asked for last. @returns whether it had not begun */
  withdrawSampledStep(): boolean;
  /**
   * Raw logits of the last decode, at once.
   * @returns the greatest one, the sum as above or NaN, how many of the most probable ones follow, token and logit of each of these, and the logits of `tokens`
   */
  getLogits(place: number, top: number, tokens: Uint32Array, total: boolean): Float64Array;
}

/** `AddonSampler`: a chain of llama.cpp's samplers, which `applyConfig` rebuilds where something has changed. */
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

/** A sequence's state at one position, for models whose memory cannot be cut. */
export interface DirectCheckpoint {
  init(context: DirectContext, sequence: number): Promise<void>;
  dispose(): void;
  readonly size: number;
}

export interface DirectLibrary {
  readonly context: DirectContext;
  /** Undefined in an engine that was not compiled with it. */
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

/** Undefined where the library looks different inside: its public way goes on then. */
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
