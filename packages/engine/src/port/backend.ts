// Defines the Backend port: the functions that the engine calls to compute. The port knows slots and tokens, but no jobs, HTTP or time.
import type { BackendInfo, GpuMemory } from "./info.ts";
import type { Pieces } from "./pieces.ts";
import type { Token } from "./steps.ts";
import type { Embedder } from "./texts.ts";
import type { TextGenerator } from "./generator.ts";

/** What every model has. */
export interface Backend {
  readonly info: BackendInfo;
  /** Queries the driver, so it must not be called for each step. Absent without a GPU. */
  readonly gpuMemory?: (() => Promise<GpuMemory>) | undefined;
  /** Absent where the model only embeds or ranks. */
  readonly generator?: TextGenerator | undefined;
  /** Absent where the model computes no vectors. */
  readonly embedder?: Embedder | undefined;

  /**
   * Tokenizes text; adds and parses special tokens only as the parameters say.
   * @param addSpecial add BOS before the text where the model expects it
   * @param parseSpecial parse the text of control tokens as control tokens
   */
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean, pieces?: Pieces): Promise<readonly Token[]>;

  /** The bytes that this token adds to the text; empty for control tokens. The bytes may be an incomplete character. */
  tokenBytes(token: Token): Uint8Array;

  /** Takes effect with the next step or piece. */
  setThreads(threads: number): void;

  dispose(): Promise<void>;
}
