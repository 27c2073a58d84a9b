// Owns the types of the library's internals: its context object, its samplers and its checkpoints. All knowledge about these internals is here. They
// do not change as long as the library's version is pinned.
import { GgufInsights, type Llama, type LlamaContext, type LlamaModel } from "node-llama-cpp";
import type { Addon } from "./addon-decoder.ts";
import type { SamplerConfig } from "../sampling/sampling-numbers.ts";

/** The version of node-llama-cpp whose internals are known. */
export const requiredVersion = "3.22.1";

/** The library's `AddonContext`. Methods with a promise compute on a thread of libuv's pool. */
export interface LibraryContext {
  /** Drops the last batch, and reserves space for this many tokens. */
  initBatch(tokens: number): void;
  /** @returns the sample positions of the tokens in `withLogits`: their indexes in the batch */
  addToBatch(sequence: number, from: number, tokens: Uint32Array, withLogits: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** @returns the token; -1 if no token was left to sample */
  sampleToken(position: number, sampler: LibrarySampler): Promise<number>;
  /**
   * Reads logits that the sampler has left, as an array of token, logit, token, logit …. With `logits` true, the array has all
   * these logits; else those of the `top` most probable tokens, and those of `tokens`. With `top`, the call sorts all logits.
   * With `totalWeight` the result also has the sum of exp(logit - greatest logit).
   */
  sampleToken(
    position: number,
    sampler: LibrarySampler,
    probabilities: false,
    confidence: false,
    logits: true | readonly [tokens: readonly number[], max: boolean, min: boolean, selected: boolean, top: number],
    totalWeight: boolean,
  ): Promise<readonly [number, undefined, undefined, readonly number[] | undefined, number | undefined]>;
  setThreads(threads: number): void;
  /** @returns false if the sequence cannot be cut there */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  disposeSequence(sequence: number): void;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>;
  restoreCheckpoint(checkpoint: LibraryCheckpoint, lastPosition: number, sequence: number): Promise<boolean>;
}

/** Returns the library's `AddonModel`. */
export function nativeModelOf(model: LlamaModel): object {
  const { _model: inside } = model as unknown as { readonly _model: object };
  return inside;
}

/** The library's `AddonSampler`. `applyConfig` rebuilds the samplers whose settings have changed. */
export interface LibrarySampler {
  applyConfig(config: LibrarySamplerConfig): void;
}

/** Every setting is explicit, because the library's defaults differ from Waggle's. Effects without their settings are off. */
export interface LibrarySamplerConfig extends Pick<SamplerConfig, "tokenBiasKeys" | "tokenBiasValues"> {
  readonly seed: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly xtcProbability?: number;
  readonly xtcThreshold?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
}

/** A sequence's state at a position, for models with recurrent layers. */
export interface LibraryCheckpoint {
  init(context: LibraryContext, sequence: number): Promise<void>;
  dispose(): void;
  readonly size: number;
}

export interface Library {
  readonly context: LibraryContext;
  /** The library's `AddonModel`. */
  readonly model: object;
  createSampler(): LibrarySampler;
  createCheckpoint(): LibraryCheckpoint;
}

const contextMethods = [
  "initBatch",
  "addToBatch",
  "decodeBatch",
  "sampleToken",
  "setThreads",
  "removeTokenCellsFromSequence",
  "disposeSequence",
  "saveSequenceStateToFile",
  "loadSequenceStateFromFile",
  "restoreCheckpoint",
] as const satisfies readonly (keyof LibraryContext)[];

/** The installed library has other internals than the required version. */
export class VersionError extends Error {
  override readonly name = "VersionError";

  constructor(problem: string) {
    super(`node-llama-cpp ${requiredVersion} is required; the installed version does not work: ${problem}`);
  }
}

/** @throws VersionError if the library's internals are not as expected */
export function libraryOf(llama: Llama, model: LlamaModel, context: LlamaContext): Library {
  const { _ctx: inside } = context as unknown as { readonly _ctx?: LibraryContext };
  const { _model: modelInside } = model as unknown as { readonly _model?: object };
  const { _bindings: bindings } = llama as unknown as { readonly _bindings?: Bindings };
  const { AddonSampler: Sampler, AddonContextSequenceCheckpoint: Checkpoint } = bindings ?? {};
  if (inside === undefined || modelInside === undefined || Sampler === undefined || Checkpoint === undefined) {
    throw new VersionError("its context object is missing");
  }
  const missing =
    contextMethods.find((name) => typeof inside[name] !== "function") ??
    (typeof Sampler.prototype.applyConfig === "function" ? undefined : "applyConfig");
  if (missing !== undefined) throw new VersionError(`its method ${missing} is missing`);
  return {
    context: inside,
    model: modelInside,
    createSampler: () => new Sampler(modelInside),
    createCheckpoint: () => new Checkpoint(),
  };
}

/** Creates a context whose sequences share one cache of this many cells. The library has no setting for it, but makes its native context in this call. */
export async function withUnifiedCache(
  llama: Llama,
  addon: Pick<Addon, "unify">,
  cells: number,
  create: () => Promise<LlamaContext>,
): Promise<LlamaContext> {
  const { _bindings: bindings } = llama as unknown as { readonly _bindings?: Bindings };
  const Original = bindings?.AddonContext;
  if (bindings === undefined || Original === undefined) throw new VersionError("its context object is missing");
  bindings.AddonContext = class extends Original {
    constructor(...parameters: unknown[]) {
      super(...parameters);
      addon.unify(this, cells);
    }
  };
  try {
    return await create();
  } finally {
    bindings.AddonContext = Original;
  }
}

const insights = GgufInsights.prototype as unknown as {
  _resolveSimulatorSource(this: { readonly _llama: Llama }): Promise<unknown>;
};
const { _resolveSimulatorSource: resolveSource } = insights;

/**
 * Without a GPU, the library then estimates memory from a file's header. By default it simulates: it reads the file once more for the model, and again
 * for its contexts.
 */
export function estimateFromHeader(): void {
  insights._resolveSimulatorSource = async function () {
    return this._llama.gpu === false ? null : await resolveSource.call(this);
  };
}

interface Bindings {
  AddonContext?: new (...parameters: unknown[]) => object;
  readonly AddonSampler?: { new (model: object): LibrarySampler; readonly prototype: Partial<LibrarySampler> };
  readonly AddonContextSequenceCheckpoint?: new () => LibraryCheckpoint;
}
