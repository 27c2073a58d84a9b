// Owns what is under way of a job of texts: which text comes next, which ones have their tokens, and how much of one a piece takes.
import type { EmbedInput, Embedder, TextPair, Token } from "./backend.ts";
import type { TextsJob } from "./messages.ts";
import { tileTokens } from "./pass-costs.ts";
import type { PreparedTexts } from "./prepare.ts";

export interface TextsWork {
  readonly prepared: PreparedTexts;
  /** The text that is tokenized next. */
  next: number;
  /** Texts that have not begun and have their tokens, or the reason why not; in order. */
  readonly ahead: TextAhead[];
  /** The text of which a piece is computed. */
  begun: BegunText | undefined;
  /** How many are done. */
  done: number;
  startedAtMs: number | undefined;
  cancelled: boolean;
}

interface TextAhead {
  readonly index: number;
  readonly tokens: PromiseSettledResult<readonly Token[]>;
}

export interface TokenizedText {
  readonly index: number;
  readonly tokens: readonly Token[];
}

export interface BegunText extends TokenizedText {
  /** How many of its tokens are computed. */
  fed: number;
}

export function createTextsWork(prepared: PreparedTexts): TextsWork {
  return { prepared, next: 0, ahead: [], begun: undefined, done: 0, startedAtMs: undefined, cancelled: false };
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

/**
 * The texts that begin now: the next one, and with a short one the short ones behind it.
 * @throws whatever tokenizing the next one threw
 */
export function takeTexts(
  { ahead }: TextsWork,
  { maxTogether, maxTogetherTokens }: Pick<Embedder, "maxTogether" | "maxTogetherTokens">,
): readonly TokenizedText[] {
  const taken: TokenizedText[] = [];
  for (let next = ahead[0]; next !== undefined && taken.length < Math.max(1, maxTogether); next = ahead[0]) {
    const { index, tokens } = next;
    // What is wrong with a text is told when it comes first.
    const fits = tokens.status === "fulfilled" && tokens.value.length <= maxTogetherTokens;
    if (taken.length > 0 && !fits) break;
    ahead.shift();
    if (tokens.status === "rejected") throw tokens.reason;
    taken.push({ index, tokens: tokens.value });
    if (!fits) break;
  }
  return taken;
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
