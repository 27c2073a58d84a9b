// Owns the interface between the slots and the drivers: a pass over batch rows, the asks at sample positions in the rows, and the operations on a
// sequence between two passes.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";

/** Consecutive tokens of a slot. */
export interface BatchRow {
  readonly slot: number;
  /** Position of the row's first token in the sequence. */
  readonly from: number;
  /** At least one token. */
  readonly tokens: readonly Token[];
  /** In ascending order of `at`. Only the last may be a draw. */
  readonly asks: readonly Ask[];
}

/** What a slot needs at a sample position. This is the position of the row's token with index `at`, whose logits predict the next token. */
export type Ask = { readonly at: number } & (
  | { readonly kind: "draw"; readonly draw: Draw }
  /** Raw logits, before any sampler. */
  | { readonly kind: "logits"; readonly request: LogitsRequest }
);

/** Ask for a token that the library samples, with the settings of the slot's sampler. */
export interface Draw {
  readonly seed: number;
  /** Tokens that the penalties count, oldest first; undefined without penalties. */
  readonly recent: readonly Token[] | undefined;
  /** Number of alternatives with logprobs; undefined without logprobs. */
  readonly topLogprobs: number | undefined;
}

export type Answer =
  /** `token` is undefined if no token was left to sample. */
  | { readonly kind: "token"; readonly token: Token | undefined; readonly logprobs?: TokenLogprobs | undefined }
  | { readonly kind: "logits"; readonly logits: PositionLogits }
  /** Only this ask failed; the pass succeeded. */
  | { readonly kind: "failed"; readonly message: string };

/** A row of a queued pass. It feeds the token that the preceding pass samples for the slot. */
export interface QueuedRow {
  readonly slot: number;
  /** Position of the token in the sequence. */
  readonly position: number;
  readonly draw: Draw;
}

export interface PassesAhead {
  /**
   * Queues a pass behind the running pass. The queued pass samples a token for each row.
   * @returns undefined if the pass was withdrawn
   */
  run(rows: readonly QueuedRow[]): Promise<readonly Answer[] | undefined>;
  /** Withdraws the queued pass. @returns false if the pass has begun, or no pass is queued */
  withdraw(): boolean;
}

export interface Passes {
  /** The library's public API, its internal context object, or the context object with the native step. */
  readonly driver: "public" | "direct" | "native";

  /** Sets the library's sampler of a slot, for the next and later passes. Not called while a pass runs. */
  configure(slot: number, sampling: SlotSampling): void;

  /**
   * Computes the rows in a forward pass.
   * @param rows at most one for each slot, in ascending order of slots
   * @param underway called once, when the pass computes on another thread and this thread is free
   * @returns for each row, an answer for each of its asks
   * @throws the error of the pass
   */
  run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Answer[])[]>;

  /**
   * Reads raw logits of the last pass, at the slot's last sample position. Absent if the driver cannot do this: slots that may need
   * logits then ask for them in the pass.
   */
  readonly readLogits?: (slot: number, request: LogitsRequest) => Promise<PositionLogits>;

  /** Absent if a pass has to end before the next pass is requested. */
  readonly ahead?: PassesAhead;

  /** Sets the number of threads. Not called while a pass runs. */
  setThreads(threads: number): void;

  /**
   * Discards the tokens at the positions `[from, to)`. The tokens after them move up.
   * @param held number of tokens in the slot
   * @returns number of tokens in the slot afterwards. With recurrent layers this can be less than `from`.
   */
  erase(slot: number, from: number, to: number, held: number): Promise<number>;
  /**
   * Saves the slot's state, so that the slot can later be cut back to its present tokens. Absent if slots can be cut anywhere, or
   * the driver cannot save states.
   * @param tokens number of tokens in the slot
   */
  readonly checkpoint?: (slot: number, tokens: number) => Promise<void>;
  /** Writes the slot's KV cache to a file. @returns bytes of the file */
  save(slot: number, path: string, tokens: readonly Token[]): Promise<number>;
  /** Replaces the slot's KV cache by a file's. @returns the file's tokens. @throws Error if the library rejects the file; the slot is then empty */
  load(slot: number, path: string): Promise<readonly Token[]>;
  /** Resolves when the running pass has ended. */
  settled(): Promise<void>;
}
