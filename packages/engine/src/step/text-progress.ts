// Tracks the progress of an embed or rerank job: which text is next, and how many of the text's tokens a piece has.
import type { Token } from "../port/steps.ts";
import { textCount, type TextsWork } from "../port/work.ts";
import { tileTokens } from "../schedule/costs/step-shape.ts";
import type { PreparedEmbed } from "../sequence/prepare.ts";

export interface TextProgress {
  readonly prepared: PreparedEmbed;
  /** Number of texts that have begun. */
  index: number;
  /** The tokens of the text at `index`, or the error of tokenizing; undefined until the text is tokenized. */
  ahead: PromiseSettledResult<readonly Token[]> | undefined;
  /** The text whose pieces are being computed. */
  begun: BegunText | undefined;
  startedAtMs: number | undefined;
  cancelled: boolean;
}

export interface BegunText {
  readonly index: number;
  readonly tokens: readonly Token[];
  /** Number of the text's tokens that are computed. */
  fed: number;
}

export function createTextProgress(prepared: PreparedEmbed): TextProgress {
  const { prior: { computed = 0 } = {}, work } = prepared.job;
  // The last text is computed even if an earlier engine has computed all texts, because a job ends with the result of a text.
  const index = Math.min(computed, textCount(work) - 1);
  return { prepared, index, ahead: undefined, begun: undefined, startedAtMs: undefined, cancelled: false };
}

/** @throws the error of tokenizing the text */
export function beginText(progress: TextProgress): BegunText {
  const { ahead, index } = progress;
  if (ahead?.status !== "fulfilled") throw ahead?.reason;
  progress.ahead = undefined;
  progress.index += 1;
  return { index, tokens: ahead.value, fed: 0 };
}

/**
 * Returns how many of a text's remaining tokens the next piece has. The tokens that do not fill a tile come first, because
 * they cost more after other tokens: after 7,600 tokens a piece of 64 tokens took 31 ms, and a piece of 32 tokens
 * 540 ms.
 */
export function pieceTokens(rest: number, most: number): number {
  if (rest <= most || most < tileTokens) return Math.min(rest, most);
  const odd = rest % tileTokens;
  return odd + Math.floor((most - odd) / tileTokens) * tileTokens;
}

/** Shortens the vector to the work's `dimensions`, and scales it to length 1 again, as for models with Matryoshka training. */
export function shortened(vector: readonly number[], work: TextsWork): readonly number[] {
  const dimensions = work.kind === "embed" ? (work.dimensions ?? vector.length) : vector.length;
  if (dimensions >= vector.length) return vector;
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return kept.map((value) => (length === 0 ? 0 : value / length));
}
