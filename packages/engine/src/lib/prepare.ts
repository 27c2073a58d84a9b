// Owns what happens to a job before it may wait for a slot: tokens, the checks that need the model, the final seed.
import { markText, type AnswerStart } from "@waggle/chat-format";
import { WaggleError, requestLimits } from "@waggle/protocol";
import { adaptersOf } from "./adapters.ts";
import type {
  Backend,
  EmbedInput,
  Embedder,
  PromptInput,
  SaidBefore,
  SlotSampling,
  TextPair,
  Token,
} from "./backend.ts";
import { replayShifts } from "./context-shift.ts";
import { checkKind } from "./job-kinds.ts";
import type { EngineJob, GenerateJob, JobFailure, TextsJob } from "./messages.ts";
import { textAt, textCount } from "./texts-work.ts";

/**
 * No tokenizer packs more text than this into its tokens, on average over a prompt that makes sense. Tokenizing holds
 * up every stream, so a text that is hopelessly long is refused by its length alone.
 */
export const maxCharsPerToken = 64;

export type PreparedJob = PreparedGenerate | PreparedTexts;

export interface PreparedGenerate {
  readonly kind: "generate";
  readonly job: GenerateJob;
  /** What is to be fed before the first token is sampled: of a job that goes on, with what it has said. */
  readonly prompt: readonly Token[];
  /** Of the prompt alone. */
  readonly promptTokens: number;
  /** How many of its first tokens may come from a cache: sampling needs one that is computed, the prompt's logprobs all of them. */
  readonly reusableTokens: number;
  readonly sampling: SlotSampling;
  /** Of an answer to messages. */
  readonly start?: AnswerStart;
}

/** Without the tokens of its texts: there may be millions, and they are made again when each one's turn comes. */
export interface PreparedTexts {
  readonly kind: "texts";
  readonly job: TextsJob;
  readonly promptTokens: number;
}

export interface PreparerOptions {
  readonly backend: Pick<Backend, "info" | "tokenize" | "checkSampling" | "checkShift" | "embedder">;
  /** Most checked jobs whose tokens are kept for their submission; the oldest goes first. */
  readonly maxPrepared: number;
  /** 32 random bits, for a job that asks for a random seed. */
  readonly random32: () => number;
}

export interface Preparer {
  /**
   * @param signal aborts when nobody waits for it any more; then what is left to do may be left
   * @throws WaggleError invalid_argument when the model cannot run this job; tokenizes before it returns
   */
  prepare(job: EngineJob, signal?: AbortSignal): Promise<PreparedJob>;
  /** Keeps a prepared job until it is submitted. */
  keep(prepared: PreparedJob): void;
  /** Hands out what was kept for this job, once, and only if it is the same request. */
  take(job: EngineJob): PreparedJob | undefined;
}

export function createPreparer({ backend, maxPrepared, random32 }: PreparerOptions): Preparer {
  const { kind, contextSize, chatFormat } = backend.info;
  const kept = new Map<string, PreparedJob>();

  async function prepareGenerate(job: GenerateJob): Promise<PreparedGenerate> {
    const input = promptOf(job);
    checkChars(input, contextSize);
    const { tokens, start } = await backend.tokenize(input);
    const promptTokens = tokens.length;
    checkLength(promptTokens, contextSize, "");
    checkPromptLogprobs(job, promptTokens);
    const { fed: prompt, said } = await withSaid(job, tokens);
    const adapters = adaptersOf(job.lora, backend.info.settings?.lora ?? []);
    const { seed } = job.sampling;
    const sampling = {
      ...job.sampling,
      seed: seed === -1 ? random32() >>> 0 : seed,
      ...(job.topLogprobs === undefined ? {} : { topLogprobs: job.topLogprobs }),
      ...(job.fillIn === true ? { fillIn: true } : {}),
      ...(adapters === undefined ? {} : { adapters }),
      ...(said === undefined ? {} : { said }),
      ...(job.answerGrammar === undefined || start === undefined
        ? {}
        : { answer: { grammar: job.answerGrammar, said: markText(start.said, chatFormat.marks) } }),
    };
    if (job.contextShift === true) backend.checkShift();
    await backend.checkSampling(sampling);
    const reusableTokens = scoresPrompt(job) ? 0 : prompt.length - 1;
    const prepared = { kind: "generate" as const, job, prompt, promptTokens, reusableTokens, sampling };
    return start === undefined ? prepared : { ...prepared, start };
  }

  /** Behind the prompt, but for what its context has forgotten since. */
  async function withSaid(
    job: GenerateJob,
    prompt: readonly Token[],
  ): Promise<{ fed: readonly Token[]; said?: SaidBefore }> {
    if (job.said === undefined) return { fed: prompt };
    // Refused where one of them is none of the model's.
    const { tokens: ids } = await backend.tokenize({ kind: "pieces", pieces: [job.said.ids] });
    const { tokens: fed, discarded } = job.contextShift
      ? replayShifts(prompt, ids, contextSize)
      : { tokens: [...prompt, ...ids], discarded: 0 };
    return { fed, said: { ids, discarded, promptTokens: prompt.length } };
  }

  async function prepareTexts(job: TextsJob, signal?: AbortSignal): Promise<PreparedTexts> {
    const { embedder } = backend;
    if (embedder === undefined) throw new WaggleError("invalid_argument", "Cannot embed: the model has no vectors.");
    checkDimensions(job, embedder);
    const texts = Array.from({ length: textCount(job) }, (_, index) => textAt(job, index) ?? "");
    const { truncateTo } = job;
    // All of them by their length alone first: tokenizing one is work.
    if (truncateTo === undefined)
      for (const text of texts) checkTextLength(job, fewestTokens(text), embedder, "at least ");
    let promptTokens = 0;
    for (const text of texts) {
      if (signal?.aborted === true) throw new WaggleError("cancelled", "Nobody waits for these texts any more.");
      const { length } = await embedder.tokenize(text, truncateTo);
      if (length === 0) throw new WaggleError("invalid_argument", "Cannot embed a text without tokens.");
      checkTextLength(job, length, embedder, "");
      promptTokens += length;
    }
    return { kind: "texts", job, promptTokens };
  }

  function checkTextLength({ kind }: TextsJob, tokens: number, { maxTokens }: Embedder, qualifier: string): void {
    if (tokens <= maxTokens) return;
    const what = kind === "embed" ? "embed a text" : "rank a document and its query";
    throw new WaggleError(
      "invalid_argument",
      `Cannot ${what} of ${qualifier}${tokens} tokens: ${maxTokens} are the most.`,
      { details: { n_prompt_tokens: tokens, n_ctx: contextSize } },
    );
  }

  return {
    async prepare(job, signal) {
      checkKind(job, kind);
      return job.kind === "generate" ? await prepareGenerate(job) : await prepareTexts(job, signal);
    },

    keep(prepared) {
      kept.delete(prepared.job.jobId);
      kept.set(prepared.job.jobId, prepared);
      for (const oldest of kept.keys()) {
        if (kept.size <= maxPrepared) break;
        kept.delete(oldest);
      }
    },

    take(job) {
      const prepared = kept.get(job.jobId);
      kept.delete(job.jobId);
      if (prepared === undefined || !isSameRequest(prepared.job, job)) return undefined;
      // Both are of one kind; what else has changed concerns the running only.
      return { ...prepared, job } as PreparedJob;
    },
  };
}

/** All of its prompt's logprobs have come before its first token, so a job that goes on has told of them. */
export function scoresPrompt({ promptLogprobs, said }: GenerateJob): boolean {
  return promptLogprobs === true && said === undefined;
}

/** What a client may learn of an error; anything but a WaggleError is a defect of ours and stays in the log. */
export function failureOf(thrown: unknown): JobFailure {
  const { code, message, details } = WaggleError.from(thrown);
  return { code, message, ...(details === undefined ? {} : { details }) };
}

function promptOf(job: GenerateJob): PromptInput {
  if (job.pieces !== undefined) return { kind: "pieces", pieces: job.pieces };
  if (job.infill !== undefined) return { kind: "infill", infill: job.infill };
  return job.messages === undefined
    ? { kind: "text", text: job.prompt ?? "" }
    : {
        kind: "messages",
        messages: job.messages,
        ...(job.tools === undefined ? {} : { tools: job.tools }),
        ...(job.template === undefined ? {} : { template: job.template }),
      };
}

/**
 * Whatever text is hopelessly long, wherever in the input it stands.
 * @throws WaggleError invalid_argument
 */
export function checkChars(input: PromptInput, contextSize: number): void {
  const enough = maxCharsPerToken * contextSize;
  const fewestTokens = Math.max(1, Math.ceil(charsOf(input, enough) / maxCharsPerToken));
  checkLength(fewestTokens, contextSize, "at least ");
}

/** A token among the pieces counts as the longest text that it may stand for. */
function charsOf(input: PromptInput, enough: number): number {
  switch (input.kind) {
    case "text":
      return input.text.length;
    case "pieces":
      return input.pieces.reduce(
        (sum, piece) => sum + piece.length * (typeof piece === "string" ? 1 : maxCharsPerToken),
        0,
      );
    case "infill":
      // Cut to what the context holds.
      return 0;
    case "messages":
      return countChars([input.messages, input.tools], enough);
  }
}

/**
 * Characters of all texts in a value, keys included, each other value counted as one; no further than `enough`. What a message's own keys
 * add is less than what its markers are in any template.
 */
function countChars(value: unknown, enough: number): number {
  const todo = [value];
  let chars = 0;
  while (todo.length > 0 && chars < enough) {
    const part = todo.pop();
    if (typeof part === "string") chars += part.length;
    else if (typeof part !== "object" || part === null) chars += 1;
    else if (Array.isArray(part)) for (const item of part) todo.push(item);
    else {
      for (const [key, inner] of Object.entries(part)) {
        chars += key.length;
        todo.push(inner);
      }
    }
  }
  return chars;
}

/** Without a token there is nothing to sample from, and a prompt that fills the context leaves no room to. */
function checkLength(promptTokens: number, contextSize: number, qualifier: string): void {
  if (promptTokens === 0) throw new WaggleError("invalid_argument", "Cannot accept the prompt: it has no tokens.");
  if (promptTokens < contextSize) return;
  throw new WaggleError(
    "invalid_argument",
    `Cannot accept the prompt: it has ${qualifier}${promptTokens} tokens, and the context holds ${contextSize}, the answer included.`,
    { details: { n_prompt_tokens: promptTokens, n_ctx: contextSize } },
  );
}

/** They are held until the answer leaves. */
function checkPromptLogprobs({ promptLogprobs, topLogprobs = 0 }: GenerateJob, promptTokens: number): void {
  const count = promptLogprobs === true ? promptTokens * (1 + topLogprobs) : 0;
  if (count <= requestLimits.promptLogprobs) return;
  throw new WaggleError(
    "invalid_argument",
    `Cannot accept field "logprobs": with ${topLogprobs} alternatives each, the prompt's ${promptTokens} tokens have ${count} of them, and ${requestLimits.promptLogprobs} are the most.`,
    { details: { problems: [{ field: "logprobs", problem: "too many in the prompt" }] } },
  );
}

/** A client may use the id of a refused job for another one, which must not run with the first one's prompt. */
function isSameRequest(a: EngineJob, b: EngineJob): boolean {
  return JSON.stringify(factsOf(a)) === JSON.stringify(factsOf(b));
}

function factsOf(job: EngineJob): unknown {
  if (job.kind !== "generate") {
    const { jobId: _, cacheScope: __, ...facts } = job;
    return facts;
  }
  return [
    [job.kind, job.prompt, job.pieces, job.infill, job.messages, job.tools, job.template],
    [job.answerGrammar, job.thinkingBudget, job.sampling, job.topLogprobs, job.promptLogprobs],
    [job.contextShift, job.fillIn, job.lora, job.said],
  ];
}

function fewestTokens(text: EmbedInput | TextPair): number {
  if (typeof text === "object" && "query" in text) return fewestTokens(text.query) + fewestTokens(text.document);
  return typeof text === "string" ? Math.ceil(text.length / maxCharsPerToken) : text.length;
}

function checkDimensions(job: TextsJob, { width }: Embedder): void {
  if (job.kind !== "embed" || job.dimensions === undefined || job.dimensions <= width) return;
  const problem = `the model's vectors have ${width} numbers`;
  throw new WaggleError("invalid_argument", `Cannot accept field "dimensions": ${problem}.`, {
    details: { problems: [{ field: "dimensions", problem }] },
  });
}
