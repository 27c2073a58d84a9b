// Defines a step: the entries that go in, and their results.
import type { Sampling } from "@waggle/protocol";

export type Token = number;

/** Natural logarithms of probabilities in the model's raw distribution, before any sampling setting. */
export interface TokenLogprobs {
  /** Logprob of the sampled token, or of the prompt's token. */
  readonly logprob: number;
  /** The most probable tokens, exactly as many as requested, in descending order of probability. */
  readonly top: readonly { readonly token: Token; readonly logprob: number }[];
}

/** How a job samples. The seed is final: -1 has been replaced by 32 random bits. */
export interface SlotSampling extends Omit<Sampling, "seed"> {
  readonly seed: number;
  /**
   * The grammar of an answer to messages, and the beginning of the answer that the prompt contains. In both texts, private
   * characters (marks) replace the chat format's markers. Cannot be combined with `grammar`.
   */
  readonly answer?: { readonly grammar: string; readonly begun: string };
  /** The answer fills a hole in code, so the answer ends where the model is unsure. */
  readonly fillIn?: boolean;
  /** A scale for each of the model's adapters; undefined: the scales at load. */
  readonly adapters?: readonly number[];
  /** Number of alternatives to return with the logprobs of each token; undefined: no logprobs, which is much cheaper. */
  readonly topLogprobs?: number;
}

/** One slot's share of a step. From the call of `step`, the slot's `Held` includes `tokens`. */
export interface BatchEntry {
  readonly slot: number;
  /** Position of the first of `tokens`. */
  readonly from: number;
  /** At least one token. */
  readonly tokens: readonly Token[];
  /** Also yield the token after `tokens`: where they end with the prompt, or are the token that the slot sampled last. */
  readonly sample: boolean;
  /**
   * Guesses at the tokens after `tokens`, computed in the same pass. Only after the token that the slot sampled last, without `forced`, and only where `takesDrafts` is true. After
   * the step, the slot holds `tokens` and the right drafts.
   */
  readonly drafts?: readonly Token[];
  /** The token to yield instead of sampling. */
  readonly forced?: Token;
  /** Logprobs to read, in ascending order of `at`. */
  readonly reads?: readonly LogprobsRequest[];
  /** The slot is cut back to the entries before these tokens soon, so no state behind them needs to be kept. */
  readonly passing?: boolean;
}

/** Asks for logprobs of the token after the entry's token with index `at`. */
export interface LogprobsRequest {
  readonly at: number;
  /** The tokens whose logprobs to read, in any case. */
  readonly tokens: readonly Token[];
  /** Number of the most probable tokens to read. */
  readonly top: number;
}

/** Natural logarithms of probabilities in the model's raw distribution. */
export interface Logprobs {
  /** For each of the request's tokens, in order. */
  readonly logprobs: readonly number[];
  readonly top: TokenLogprobs["top"];
}

export type EntryResult =
  /** `read`: the result of each of the entry's `reads`. */
  | { readonly kind: "none"; readonly read?: readonly Logprobs[] }
  | {
      readonly kind: "token";
      readonly token: Token;
      readonly logprobs?: TokenLogprobs;
      readonly read?: readonly Logprobs[];
      /** The tokens sampled after `token`, one for each right guess. */
      readonly behind?: readonly { readonly token: Token; readonly logprobs?: TokenLogprobs }[];
    }
  /** Only this entry failed; the other results are valid. `invalid_argument` where the request is at fault, for example with a grammar that allows no token. */
  | { readonly kind: "failed"; readonly message: string; readonly code?: "invalid_argument" };
