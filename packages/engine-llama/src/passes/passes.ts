// Owns the port between the slots and the drivers of the library: a pass over batch rows, the asks for sample positions in them, and the operations
// on a sequence between two passes.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";

/** Consecutive tokens of one slot. */
export interface BatchRow {
  readonly slot: number;
  /** Position of the row's first token in the sequence. */
  readonly from: number;
  /** At least one. */
  readonly tokens: readonly Token[];
  /** In ascending order of `at`. */
  readonly asks: readonly Ask[];
}

/** A request for the sample position behind the token with this index in the row: its logits are those of the next token. */
export type Ask = { readonly at: number } & (
  | { readonly kind: "draw"; readonly draw: Draw }
  /** Raw logits, before any sampler. */
  | { readonly kind: "logits"; readonly request: LogitsRequest }
);

/** The library samples a token, with the settings of the slot's sampler. */
export interface Draw {
  readonly seed: number;
  /** The tokens that the penalties count, oldest first; undefined without penalties. */
  readonly recent: readonly Token[] | undefined;
  /** Number of alternatives to return with logprobs; undefined: no logprobs. */
  readonly topLogprobs: number | undefined;
}

export type Answer =
  /** `token` is undefined when no token was left to sample. */
  | { readonly kind: "token"; readonly token: Token | undefined; readonly logprobs?: TokenLogprobs | undefined }
  | { readonly kind: "logits"; readonly logits: PositionLogits }
  /** Only this request failed; the pass succeeded. */
  | { readonly kind: "failed"; readonly message: string };

/** A row of a queued pass: it feeds the token that the preceding pass samples for the slot. */
export interface QueuedRow {
  readonly slot: number;
  /** Position of that token in the sequence. */
  readonly position: number;
  readonly draw: Draw;
}

export interface PassesAhead {
  /**
   * Queues a pass behind the running pass. It samples a token for each of these slots.
   * @returns undefined when the pass was withdrawn
   */
  run(rows: readonly QueuedRow[]): Promise<readonly Answer[] | undefined>;
  /** Withdraws the queued pass. @returns false when the pass has begun, or no pass is queued */
  withdraw(): boolean;
}

export interface Passes {
  /** How passes run: by the library's public API, by its context object, or by the context object with a native step added. */
  readonly driver: "public" | "direct" | "native";

  /** The settings with which the library samples for this slot from the next pass on. Not called while a pass runs. */
  configure(slot: number, sampling: SlotSampling): void;

  /**
   * Computes these rows, one for a slot and in ascending slot order, in one forward pass.
   * @param underway called once, when the pass computes and leaves this thread free
   * @returns the answers of each row
   * @throws the error of the pass
   */
  run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Answer[])[]>;

  /**
   * Reads raw logits of the last pass again, at the slot's last sample position. Absent where that is impossible: then a slot that may need them
   * asks for logits beforehand.
   */
  readonly readLogits?: (slot: number, request: LogitsRequest) => Promise<PositionLogits>;

  /** Absent where a pass must end before the next one is requested. */
  readonly ahead?: PassesAhead;

  /** Most threads of a pass; not called while a pass runs. */
  setThreads(threads: number): void;

  /**
   * Discards the tokens at these positions; those behind them move up.
   * @param held tokens that the slot holds
   * @returns its number of tokens then: fewer than remain where the model's memory cannot be cut there
   */
  erase(slot: number, from: number, to: number, held: number): Promise<number>;
  /**
   * Saves the slot's state, which holds this many tokens, so that it can be cut there later. Absent where the memory can
   * be cut anywhere, or nowhere.
   */
  readonly checkpoint?: (slot: number, tokens: number) => Promise<void>;
  /** Writes the slot's cache to this file. @returns its bytes */
  save(slot: number, path: string, tokens: readonly Token[]): Promise<number>;
  /** Replaces the slot's cache with this file. @returns its tokens. @throws Error when the library refuses it; then the slot is empty */
  load(slot: number, path: string): Promise<readonly Token[]>;
  /** Resolves when the running pass has ended. */
  settled(): Promise<void>;
}
