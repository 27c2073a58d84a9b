// Tracks the progress of an embed or rerank job: which text is next, and how many of the text's tokens a piece has.
import type { EmbedInput, TextPair, Token } from "../port/backend.ts";
import type { EmbedOrRerankJob } from "../port/messages.ts";
import { tileTokens } from "../costs/pass-costs.ts";
import type { PreparedEmbed } from "../sequence/prepare.ts";

export interface EmbedWork {
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

export function createEmbedWork(prepared: PreparedEmbed): EmbedWork {
  const { computed = 0 } = prepared.job;
  // The last text is computed even if an earlier engine has computed all texts, because a job ends with the result of a text.
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
 * Returns how many of a text's remaining tokens the next piece has. The tokens that do not fill a tile come first, because
 * they cost more behind other tokens: behind 7,600 tokens a piece of 64 tokens took 31 ms, and a piece of 32 tokens
 * 540 ms.
 */
export function pieceTokens(rest: number, most: number): number {
  if (rest <= most || most < tileTokens) return Math.min(rest, most);
  const odd = rest % tileTokens;
  return odd + Math.floor((most - odd) / tileTokens) * tileTokens;
}

/** Shortens the vector to the job's `dimensions`, and scales it to length 1 again, as for models with Matryoshka training. */
export function shortened(vector: readonly number[], job: EmbedOrRerankJob): readonly number[] {
  const dimensions = job.kind === "embed" ? (job.dimensions ?? vector.length) : vector.length;
  if (dimensions >= vector.length) return vector;
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return kept.map((value) => (length === 0 ? 0 : value / length));
}
