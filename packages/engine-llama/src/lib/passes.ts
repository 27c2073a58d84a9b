// Owns the port between the slots and whichever way the library offers to compute: a pass over rows of tokens, what is asked of places in them,
// and what can be done with a sequence between two passes.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { LogitsRequest, PlaceLogits } from "./logit-sampler.ts";

/** Consecutive tokens of one slot. */
export interface PassRow {
  readonly slot: number;
  /** Position of the first one. */
  readonly from: number;
  /** At least one. */
  readonly tokens: readonly Token[];
  /** In ascending order of their places. */
  readonly asks: readonly Ask[];
}

/** What is wanted of a place: that of the token with this index in the row, whose logits are of the token to follow it. */
export type Ask = { readonly at: number } & (
  | { readonly kind: "draw"; readonly draw: Draw }
  /** Raw, as they are before any sampler. */
  | { readonly kind: "logits"; readonly request: LogitsRequest }
);

/** A token is to be sampled by the library, after the settings of the slot's sampler. */
export interface Draw {
  readonly seed: number;
  /** What the penalties look back on, oldest first; undefined where there are none. */
  readonly recent: readonly Token[] | undefined;
  /** Return logprobs with so many alternatives; undefined: none. */
  readonly topLogprobs: number | undefined;
}

export type Answer =
  /** Undefined: nothing was left to sample. */
  | { readonly kind: "token"; readonly token: Token | undefined; readonly logprobs?: TokenLogprobs | undefined }
  | { readonly kind: "logits"; readonly place: PlaceLogits }
  /** The pass itself was good. */
  | { readonly kind: "failed"; readonly message: string };

/** A slot goes on with the token that the pass before samples for it. */
export interface RowAhead {
  readonly slot: number;
  /** Where that token stands. */
  readonly position: number;
  readonly draw: Draw;
}

export interface PassesAhead {
  /**
   * A pass behind the one that runs, which draws for all of these slots.
   * @returns undefined when it was withdrawn
   */
  run(rows: readonly RowAhead[]): Promise<readonly Answer[] | undefined>;
  /** Takes back the one that was asked for last. @returns false: it has begun, or there is none */
  withdraw(): boolean;
}

export interface Passes {
  /** How the library is driven: by its public interface, by the context object inside, or by that with a native step added. */
  readonly way: "public" | "direct" | "native";

  /** The settings with which the library samples for this slot from now on. Not called in the middle of a pass. */
  configure(slot: number, sampling: SlotSampling): void;

  /**
   * Computes these rows, one for a slot and in ascending slot order, in one forward pass.
   * @param underway called once, when the pass computes and leaves this thread free
   * @returns the answers of each row
   * @throws whatever went wrong with the pass
   */
  run(rows: readonly PassRow[], underway: () => void): Promise<readonly (readonly Answer[])[]>;

  /**
   * Looks at raw logits of the last pass again: at the last place that the slot has asked about. Absent where that cannot be done, so that whoever may need
   * them has to ask beforehand.
   */
  readonly look?: (slot: number, request: LogitsRequest) => Promise<PlaceLogits>;

  /** Absent where a pass has to end before the next one is asked for. */
  readonly ahead?: PassesAhead;

  /** Most threads of a pass; not to be called in the middle of one. */
  setThreads(threads: number): void;

  /**
   * Forgets the tokens at these positions; what follows them moves up.
   * @param held tokens that the slot holds now
   * @returns how many it holds then: less than what is left where the model's memory cannot be cut there
   */
  erase(slot: number, from: number, to: number, held: number): Promise<number>;
  /**
   * The slot holds so many tokens, and may be cut there later. Absent where it can be cut anywhere, or nowhere.
   */
  readonly checkpoint?: (slot: number, tokens: number) => Promise<void>;
  /** Writes what the slot holds to this file. @returns its bytes */
  save(slot: number, path: string, tokens: readonly Token[]): Promise<number>;
  /** Replaces what the slot holds with this file. @returns its tokens. @throws Error when the library refuses it; the slot holds nothing then */
  load(slot: number, path: string): Promise<readonly Token[]>;
  /** Lets what runs come to its end. */
  settled(): Promise<void>;
}
