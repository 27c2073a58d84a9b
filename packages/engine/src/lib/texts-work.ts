// Owns what is under way of a job of texts: which text comes next, and how much of it a piece takes.
import type { EmbedInput, TextPair, Token } from "./backend.ts";
import type { TextsJob } from "./messages.ts";
import { tileTokens } from "./pass-costs.ts";
import type { PreparedTexts } from "./prepare.ts";

export interface TextsWork {
  readonly prepared: PreparedTexts;
  /** How many texts have begun. */
  index: number;
  /** The text that begins next: its tokens, or the reason why there are none. */
  ahead: PromiseSettledResult<readonly Token[]> | undefined;
  /** The text of which a piece is computed. */
  begun: BegunText | undefined;
  startedAtMs: number | undefined;
  cancelled: boolean;
}

export interface BegunText {
  readonly index: number;
  readonly tokens: readonly Token[];
  /** How many of them are computed. */
  fed: number;
}

export function createTextsWork(prepared: PreparedTexts): TextsWork {
  const { computed = 0 } = prepared.job;
  // The last one is computed whatever was said of it: a job ends with a text.
  const index = Math.min(computed, textCount(prepared.job) - 1);
  return { prepared, index, ahead: undefined, begun: undefined, startedAtMs: undefined, cancelled: false };
}

export function textCount(job: TextsJob): number {
  return job.kind === "embed" ? job.texts.length : job.documents.length;
}

export function textAt(job: TextsJob, index: number): EmbedInput | TextPair | undefined {
  if (job.kind === "embed") return job.texts[index];
  const { queries, documents } = job;
  const [query, document] = [queries.length === 1 ? queries[0] : queries[index], documents[index]];
  return query === undefined || document === undefined ? undefined : { query, document };
}

/** @throws whatever tokenizing it threw */
export function beginText(work: TextsWork): BegunText {
  const { ahead, index } = work;
  if (ahead?.status !== "fulfilled") throw ahead?.reason;
  work.ahead = undefined;
  work.index += 1;
  return { index, tokens: ahead.value, fed: 0 };
}

/**
 * How many of a text's remaining tokens the next piece takes. Whole tiles from the end: behind 7,600 tokens one of 64 took 31 ms, and
 * one of 32 took 540, so what does not fill a tile comes first, where it costs little.
 */
export function pieceTokens(rest: number, most: number): number {
  if (rest <= most || most < tileTokens) return Math.min(rest, most);
  const odd = rest % tileTokens;
  return odd + Math.floor((most - odd) / tileTokens) * tileTokens;
}

/** The first numbers that the job asks for, of length 1 again: what a model trained for it (Matryoshka) means them to be. */
export function shortened(vector: readonly number[], job: TextsJob): readonly number[] {
  const dimensions = job.kind === "embed" ? (job.dimensions ?? vector.length) : vector.length;
  if (dimensions >= vector.length) return vector;
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return kept.map((value) => (length === 0 ? 0 : value / length));
}
