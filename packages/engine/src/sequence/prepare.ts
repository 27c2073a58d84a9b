// Prepares a job before it starts: tokenizes its prompt or texts, does the checks that need the model, and draws a seed if needed.
import { markText, type AnswerStart } from "@waggle/chat-format/format";
import {
  WaggleError,
  refuseField,
  requestLimits,
  type LoraAdapter,
  type LoraChoice,
  type ModelKind,
} from "@waggle/protocol";
import type { Backend } from "../port/backend.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { Entries, HeldEntry, PromptChunk } from "../port/kv.ts";
import { checkChars, checkLength, maxCharsPerToken, tooLong } from "../port/prompt-length.ts";
import type { SlotSampling, Token } from "../port/steps.ts";
import type { EmbedInput, Embedder, TextPair } from "../port/texts.ts";
import { isCell } from "../port/entries.ts";
import type { ResumedSequence } from "./resume.ts";
import type { EngineJob, JobFailure, StartedChoice } from "../port/messages.ts";
import { freePieces, type Pieces } from "../port/pieces.ts";
import { samplingOfChoice, textAt, textCount, type GenerateWork, type TextsWork, type Work } from "../port/work.ts";
import { prepareDecide, type PreparedDecide } from "../decide/prepare-decide.ts";

export type PreparedJob = PreparedSlotJob | PreparedEmbed;
/** Prepared work that needs a slot. */
export type PreparedSlotJob = PreparedGenerate | PreparedDecide;

export interface PreparedPrompt<W extends Work> {
  readonly job: EngineJob<W>;
  /**
   * The entries that are fed before the first token is sampled; for a resumed job, they include its earlier output. For a decide job, what all of its
   * prompts begin with.
   */
  readonly prompt: readonly HeldEntry[];
  /** The pictures in `prompt`. */
  readonly chunks: readonly PromptChunk[];
  /** Number of tokens of the prompt alone, without earlier output; for a decide job, of all that is computed. */
  readonly promptTokens: number;
  /**
   * Most tokens, counted from the first, that may come from a cache. Sampling needs the last token computed, and logprobs of
   * the prompt need all tokens computed.
   */
  readonly reusableTokens: number;
  readonly sampling: SlotSampling;
}

export interface PreparedGenerate extends PreparedPrompt<GenerateWork> {
  readonly kind: "generate";
  /** The earlier output of a resumed job. */
  readonly output?: readonly Token[];
  /** The beginning of the answer; only for a conversation. */
  readonly start?: AnswerStart;
  /** The sequence after the earlier output, as `resume` makes it; only for a resumed job, which has one choice. */
  readonly resumed?: ResumedSequence;
}

/**
 * A prepared embed or rerank job. The tokens of its texts are not kept, because there may be millions of tokens: each text is
 * tokenized again when it is computed.
 */
export interface PreparedEmbed {
  readonly kind: "embed";
  readonly job: EngineJob<TextsWork>;
  readonly embedder: Embedder;
  readonly promptTokens: number;
}

export interface PreparerOptions {
  readonly backend: Pick<Backend, "info" | "generator" | "embedder">;
  /** 32 random bits, for a job with the seed -1. */
  readonly random32: () => number;
}

/** @throws WaggleError invalid_argument when the model cannot run this job; the reason of the pieces' signal, which aborts when the job has ended */
export type Preparer = (job: EngineJob, pieces?: Pieces) => Promise<PreparedJob>;

export function createPreparer({ backend, random32 }: PreparerOptions): Preparer {
  const { kind, contextSize, chatFormat } = backend.info;

  async function prepareGenerate(job: EngineJob<GenerateWork>, pieces: Pieces): Promise<PreparedGenerate> {
    const generator = generatorOf(backend);
    const { work } = job;
    checkChars(work.prompt, contextSize);
    const { entries, chunks, start } = await generator.tokenize(work.prompt, work.pictures, pieces);
    const promptTokens = entries.length;
    checkLength(promptTokens, contextSize);
    checkPromptLogprobs(work, promptTokens);
    checkPictures(work, { entries, chunks });
    const { fed: prompt, output } = await withOutput(generator, job, entries);
    const adapters = adaptersOf(work.lora, backend.info.settings?.lora ?? []);
    const { seed } = work.sampling;
    const sampling = {
      ...work.sampling,
      seed: seed === -1 ? random32() >>> 0 : seed,
      ...(work.topLogprobs === undefined ? {} : { topLogprobs: work.topLogprobs }),
      ...(work.fillIn === true ? { fillIn: true } : {}),
      ...(adapters === undefined ? {} : { adapters }),
      ...(work.answerGrammar === undefined || start === undefined
        ? {}
        : { answer: { grammar: work.answerGrammar, begun: markText(start.said, chatFormat.marks) } }),
    };
    await generator.checkSampling(sampling, pieces);
    const reusableTokens = scoresPrompt(job) ? 0 : prompt.length - 1;
    return {
      ...{ kind: "generate", job, prompt, chunks, promptTokens, reusableTokens, sampling },
      ...(output === undefined ? {} : { output }),
      ...(start === undefined ? {} : { start }),
    };
  }

  /** Appends the earlier output to the prompt. */
  async function withOutput(
    generator: TextGenerator,
    { prior }: EngineJob<GenerateWork>,
    prompt: readonly HeldEntry[],
  ): Promise<{ readonly fed: readonly HeldEntry[]; readonly output?: readonly Token[] }> {
    if (prior?.output === undefined) return { fed: prompt };
    // The generator refuses tokens that the model does not have.
    const { entries: output } = await generator.tokenize({ kind: "pieces", pieces: [prior.output.ids] });
    return { fed: [...prompt, ...output], output };
  }

  async function prepareEmbed(job: EngineJob<TextsWork>, pieces: Pieces): Promise<PreparedEmbed> {
    checkKind(job.work, kind);
    const { embedder } = backend;
    if (embedder === undefined) throw new WaggleError("invalid_argument", "Cannot embed: the model has no vectors.");
    const { work } = job;
    checkDimensions(work, embedder);
    const texts = Array.from({ length: textCount(work) }, (_, index) => textAt(work, index) ?? "");
    const { truncateTo } = work;
    // Check the length of all texts first, because tokenizing takes long.
    if (truncateTo === undefined) for (const text of texts) checkTextLength(work, fewestTokens(text), embedder, true);
    let promptTokens = 0;
    for (const text of texts) {
      pieces.signal?.throwIfAborted();
      const { length } = await embedder.tokenize(text, truncateTo, pieces);
      if (length === 0) throw new WaggleError("invalid_argument", "Cannot embed a text without tokens.");
      checkTextLength(work, length, embedder);
      promptTokens += length;
    }
    return { kind: "embed", job, embedder, promptTokens };
  }

  function checkTextLength({ kind }: TextsWork, tokens: number, { maxTokens }: Embedder, isEstimate = false): void {
    if (tokens <= maxTokens) return;
    throw tooLong(
      kind === "embed" ? "embed a text" : "rank a pair of query and document",
      tokens,
      maxTokens,
      isEstimate,
    );
  }

  return async (job, pieces = freePieces) => {
    const { work } = job;
    switch (work.kind) {
      case "generate":
        return await prepareGenerate({ ...job, work }, pieces);
      case "decide":
        return await prepareDecide(generatorOf(backend), contextSize, { ...job, work }, pieces);
      case "embed":
      case "rerank":
        return await prepareEmbed({ ...job, work }, pieces);
    }
  };
}

/** Returns one choice of the work as a separate prepared job. */
export function choiceOf<P extends PreparedJob>(prepared: P, { jobId, choice }: StartedChoice): P {
  const job = { ...prepared.job, jobId };
  if (prepared.kind !== "generate") return { ...prepared, job };
  if (prepared.resumed !== undefined && jobId !== prepared.job.jobId) {
    throw new Error(`Cannot start ${jobId}: the resumed work is of ${prepared.job.jobId}`);
  }
  return { ...prepared, job, sampling: samplingOfChoice(prepared.sampling, choice) };
}

/** Whether to compute the prompt's logprobs. A resumed job has sent them already, because they come before the first token. */
export function scoresPrompt({ work, prior }: EngineJob<GenerateWork>): boolean {
  return work.promptLogprobs === true && prior?.output === undefined;
}

/** The part of an error that a client may see. Any error other than a WaggleError is a defect of Waggle, and appears in the log only. */
export function failureOf(thrown: unknown): JobFailure {
  const { code, message, details } = WaggleError.from(thrown);
  return { code, message, ...(details === undefined ? {} : { details }) };
}

/** Refuses what cannot be done with a picture in the prompt. */
function checkPictures({ promptLogprobs }: GenerateWork, { entries, chunks }: Entries): void {
  if (chunks.length === 0) return;
  if (promptLogprobs === true) throw refuseField("logprobs", "a prompt with pictures has no logprobs");
  // Sampling needs the logits of a token.
  if (isCell(entries.at(-1))) throw refuseField("prompt", "it ends with a picture; text must follow");
}

/** Limits the logprobs of a prompt, because the engine holds them in memory until they are sent. */
function checkPromptLogprobs({ promptLogprobs, topLogprobs = 0 }: GenerateWork, promptTokens: number): void {
  const count = promptLogprobs === true ? promptTokens * (1 + topLogprobs) : 0;
  if (count <= requestLimits.promptLogprobs) return;
  throw refuseField(
    "logprobs",
    `the prompt's ${promptTokens} tokens, each with ${topLogprobs} alternatives, have ${count} logprobs; the limit is ${requestLimits.promptLogprobs}`,
  );
}

/**
 * @returns a scale for each adapter, or undefined where all scales equal those at load
 * @throws WaggleError invalid_argument when the model has no such adapter
 */
export function adaptersOf(
  chosen: LoraChoice | undefined,
  loaded: readonly LoraAdapter[],
): readonly number[] | undefined {
  if (chosen === undefined) return undefined;
  const scales = loaded.map(() => 0);
  for (const { id, scale } of chosen) {
    if (id >= loaded.length) throw unknownAdapter(id, loaded.length);
    scales[id] = scale;
  }
  return scales.every((scale, id) => scale === loaded[id]?.scale) ? undefined : scales;
}

function unknownAdapter(id: number, count: number): WaggleError {
  const has = count === 0 ? "the model has no adapters" : `the model has ${count}, from 0`;
  return refuseField("lora", `there is no adapter ${id}; ${has}`);
}

/** @throws WaggleError invalid_argument when the model does not generate */
export function generatorOf({ info, generator }: Pick<Backend, "info" | "generator">): TextGenerator {
  if (generator !== undefined) return generator;
  throw new WaggleError("invalid_argument", `Cannot generate: ${uses[info.kind]}; it does not write.`);
}

/** How error messages name the use of a model. */
const uses: Readonly<Record<ModelKind, string>> = {
  generate: "this model writes texts; it does not rank them",
  embed: "this model embeds texts",
  rerank: "this model ranks texts",
};

/** A model that generates also computes vectors. @throws WaggleError invalid_argument when the model cannot compute this kind of texts */
function checkKind({ kind }: TextsWork, model: ModelKind): void {
  if (kind === model || (kind === "embed" && model === "generate")) return;
  const refusals: Readonly<Record<TextsWork["kind"], string>> = {
    embed: `Cannot embed: ${uses[model]}; it has no vectors to give.`,
    rerank: `Cannot rank: ${uses[model]}. Start the worker with a reranker, such as bge-reranker or jina-reranker.`,
  };
  throw new WaggleError("invalid_argument", refusals[kind]);
}

function fewestTokens(text: EmbedInput | TextPair): number {
  if (typeof text === "object" && "query" in text) return fewestTokens(text.query) + fewestTokens(text.document);
  return typeof text === "string" ? Math.ceil(text.length / maxCharsPerToken) : text.length;
}

function checkDimensions(work: TextsWork, { width }: Embedder): void {
  if (work.kind !== "embed" || work.dimensions === undefined || work.dimensions <= width) return;
  throw refuseField("dimensions", `the model's vectors have ${width} numbers`);
}
