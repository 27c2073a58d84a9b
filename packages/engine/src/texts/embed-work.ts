// Tracks the progress of an embed or rerank job: which text comes next, and how much of the text a piece takes.
import type { EmbedInput, TextPair, Token } from "../port/backend.ts";
import type { EmbedOrRerankJob } from "../port/messages.ts";
import { tileTokens } from "../costs/pass-costs.ts";
import type { PreparedEmbed } from "../sequence/prepare.ts";

export interface EmbedWork {
  readonly prepared: PreparedEmbed;
  /** Number of texts that have begun. */
  index: number;
  /** Result of tokenizing the text that begins next: its tokens, or the error. */
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

export function createEmbedWork(prepared: PreparedEmbed): EmbedWork {
  const { computed = 0 } = prepared.job;
  // The last text is always computed again, because a job ends with the result of a text.
  const index = Math.min(computed, textCount(prepared.job) - 1);
  return { prepared, index, ahead: undefined, begun: undefined, startedAtMs: undefined, cancelled: false };
}

export function textCount(job: EmbedOrRerankJob): number {
  return job.kind === "embed" ? job.texts.length : job.documents.length;
}

export function textAt(job: EmbedOrRerankJob, index: number): EmbedInput | TextPair | undefined {
  if (job.kind === "embed") return job.texts[index];
  const { queries, documents } = job;
  const [query, document] = [queries.length === 1 ? queries[0] : queries[index], documents[index]];
  return query === undefined || document === undefined ? undefined : { query, document };
}

/** @throws the error of tokenizing the text */
export function beginText(work: EmbedWork): BegunText {
  const { ahead, index } = work;
  if (ahead?.status !== "fulfilled") throw ahead?.reason;
  work.ahead = undefined;
  work.index += 1;
  return { index, tokens: ahead.value, fed: 0 };
}

/**
 * How many of a text's remaining tokens the next piece takes. The part that does not fill a tile comes first, where it
 * costs little, and whole tiles end the text: behind 7,600 tokens a piece of 64 tokens took 31 ms, and one of 32 tokens
 * took 540 ms.
 */
export function pieceTokens(rest: number, most: number): number {
  if (rest <= most || most < tileTokens) return Math.min(rest, most);
  const odd = rest % tileTokens;
  return odd + Math.floor((most - odd) / tileTokens) * tileTokens;
}

/**
 * Keeps the first numbers of the vector, as many as the job requests, and scales them to length 1 again, as for models
 * trained for shortened vectors (Matryoshka).
 */
export function shortened(vector: readonly number[], job: EmbedOrRerankJob): readonly number[] {
  const dimensions = job.kind === "embed" ? (job.dimensions ?? vector.length) : vector.length;
  if (dimensions >= vector.length) return vector;
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return kept.map((value) => (length === 0 ? 0 : value / length));
}
