// Defines the work of a job: a prompt with the settings of its answers, answers to score, or texts. Requests, fleet jobs and engine commands have it in
// the same form.
import type { LoraChoice, Sampling } from "@waggle/protocol";
import type { Picture } from "./pictures.ts";
import type { Conversation, PromptInput, TemplatePart } from "./prompts.ts";
import type { Token } from "./steps.ts";
import type { EmbedInput, TextPair } from "./texts.ts";

export type Work = GenerateWork | DecideWork | TextsWork;

/** Writes answers to a prompt. */
export interface GenerateWork extends AnswerSettings {
  readonly kind: "generate";
  readonly prompt: PromptInput;
  /** The pictures that the prompt names by their indexes. */
  readonly pictures?: readonly Picture[] | undefined;
  /** Number of answers to the same prompt, with the seeds `seed`, `seed + 1` … */
  readonly choices: number;
}

/** The settings of an answer, as the request gives them. */
export interface AnswerSettings {
  /** Grammar of the whole answer to a conversation, including a beginning that the prompt contains. Cannot be combined with `sampling.grammar`. */
  readonly answerGrammar?: string | undefined;
  /** Maximum number of tokens of a thought; a longer thought is closed. */
  readonly thinkingBudget?: number | undefined;
  /** The answer ends after this many repetitions of the same tokens; 0: no limit. */
  readonly repetitionLimit?: number | undefined;
  /** Maximum number of tokens of the answer; by default the answer may fill the context. 0: compute the prompt into the cache, without output. */
  readonly maxTokens?: number | undefined;
  /** Limits by lines for the answer to a plain prompt. */
  readonly lines?: LineLimits | undefined;
  /** The answer fills a hole in code, so the answer ends where the model is unsure. */
  readonly fillIn?: boolean | undefined;
  /** Scales of the model's adapters by id; adapters that are not listed are off. By default all adapters have their scales at load. */
  readonly lora?: LoraChoice | undefined;
  /** false: no token of the answer is guessed; by default tokens are guessed where that makes the answer faster. */
  readonly guesses?: boolean | undefined;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  /** Number of alternatives to send with the logprobs of each token; without this field, no logprobs are sent. */
  readonly topLogprobs?: number | undefined;
  /**
   * Also send logprobs of the prompt's tokens, with `topLogprobs` alternatives, before the tokens of each choice. The whole
   * prompt is then computed, even where it is cached.
   */
  readonly promptLogprobs?: boolean | undefined;
}

export interface LineLimits {
  /** When this time has passed since the first token, the next newline ends the answer. */
  readonly maxDecodeMs?: number;
  /** A line after the first that begins with fewer spaces and tabs ends the answer: its spaces and tabs are sent, its text is not. */
  readonly minIndent?: number;
}

/**
 * Computes how probable given answers to prompts are. The prompts have a common beginning, which is computed once; then each prompt's rest is
 * computed behind it. Nothing is sampled. Decision 131.
 */
export interface DecideWork {
  readonly kind: "decide";
  /** What all prompts begin with. The last message is the user's, and each reading adds to its content. */
  readonly state: Conversation;
  /** The pictures that the state and the readings name by their indexes. */
  readonly pictures?: readonly Picture[] | undefined;
  /** The prompts with their possible answers, at least one. */
  readonly readings: readonly Reading[];
}

/** A prompt, and the answers whose probabilities are read behind it. The job's vector of a reading has the natural logarithm of each option's. */
export interface Reading {
  /** Follows the content of the state's last message. */
  readonly content: readonly TemplatePart[];
  /** The texts that count as each option; their probabilities are summed. Without `ends`, no text is the beginning of another one. */
  readonly options: readonly (readonly string[])[];
  /** Whether the answer must end after the text; otherwise any text may follow. */
  readonly ends: boolean;
}

/** Work without a slot: its texts are computed in pieces between the passes of other jobs. */
export type TextsWork = EmbedWork | RerankWork;

interface Truncation {
  /**
   * Tokens after which a text is cut off, at most the model's limit; without this field, a text that is too long is refused.
   * A query and its document count as one text, which is cut at the end of the document.
   */
  readonly truncateTo?: number | undefined;
}

/** Computes a vector for each text. */
export interface EmbedWork extends Truncation {
  readonly kind: "embed";
  /** The texts to embed, at least one. */
  readonly texts: readonly EmbedInput[];
  /** Number of values that are kept of each vector, from the first; by default all. */
  readonly dimensions?: number | undefined;
}

/** Computes how well each document fits a query. */
export interface RerankWork extends Truncation {
  readonly kind: "rerank";
  /** One query for all documents, or one for each document. */
  readonly queries: readonly string[];
  /** The documents to rank, at least one. */
  readonly documents: readonly string[];
}

/** The part of the work that earlier engines have done. */
export interface PriorWork {
  /** The output of one choice. The job's next event follows that output. */
  readonly output?: PriorOutput | undefined;
  /** Number of texts or readings, counted from the first, that are computed. They are not computed again. */
  readonly computed?: number | undefined;
}

export interface PriorOutput {
  /** Model tokens of the job's token events, in order. */
  readonly ids: readonly Token[];
  /** Number of token events already sent, and so the index of the next token event. */
  readonly events: number;
}

export function choicesOf(work: Work): number {
  return work.kind === "generate" ? work.choices : 1;
}

/** Returns one choice as separate work. The seed must be drawn already. */
export function workOfChoice<W extends Work>(work: W, choice: number): W {
  if (work.kind !== "generate") return work;
  return { ...work, choices: 1, sampling: samplingOfChoice(work.sampling, choice) };
}

/** The choices of a job differ only in their seeds. */
export function samplingOfChoice<S extends Sampling>(sampling: S, choice: number): S {
  return { ...sampling, seed: (sampling.seed + choice) % 2 ** 32 };
}

/** The pictures of the work; undefined without pictures. */
export function picturesOf(work: Work): readonly Picture[] | undefined {
  return work.kind === "generate" || work.kind === "decide" ? work.pictures : undefined;
}

/** Returns the work with these pictures. Embed and rerank work has no pictures, and stays the same. */
export function withPictures(work: Work, pictures: readonly Picture[] | undefined): Work {
  return work.kind === "generate" || work.kind === "decide" ? { ...work, pictures } : work;
}

export function textCount(work: TextsWork): number {
  return work.kind === "embed" ? work.texts.length : work.documents.length;
}

export function textAt(work: TextsWork, index: number): EmbedInput | TextPair | undefined {
  if (work.kind === "embed") return work.texts[index];
  const { queries, documents } = work;
  const [query, document] = [queries.length === 1 ? queries[0] : queries[index], documents[index]];
  return query === undefined || document === undefined ? undefined : { query, document };
}
