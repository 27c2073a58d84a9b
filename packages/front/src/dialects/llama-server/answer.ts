// Builds the answers of llama-server's own routes: the chunk of a token, and the whole answer.
import type { GenerateWork } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type {
  EndEvent,
  LlamaServerChunk,
  LlamaServerCompletion,
  Logprob,
  StoppedBy,
  TokenEvent,
  Usage,
} from "@waggle/protocol";
import type { ServedModel } from "../../server/context.ts";
import { answerTimings } from "../../stream/answer-timings.ts";

export type Json = Record<string, unknown>;

/** Data for the chunks and the whole answer, in addition to the tokens. */
export interface AnswerOptions {
  readonly job: Job;
  readonly work: GenerateWork;
  readonly served: Pick<ServedModel, "info">;
  /** The prompt, if the request has the prompt as text. */
  readonly promptText: string | undefined;
  /** Index of the job's first choice among all choices of the request. */
  readonly index: number;
  readonly samplers: readonly string[];
  /** Tokens that ignore_eos bans. */
  readonly endTokens: readonly number[];
  readonly streamed: boolean;
}

export interface ChoiceSoFar {
  readonly choice: number;
  readonly content: string;
  readonly tokens: number[];
  /** Number of tokens so far, without an end token. */
  readonly tokenCount: number;
  readonly hasNewLine: boolean;
  readonly logprobs: readonly Logprob[];
}

/** `index` and `content` come first, for clients that search the text for `"content":"` without parsing it. */
export function chunkOf(
  options: AnswerOptions,
  { choice, tokenCount }: ChoiceSoFar,
  token: TokenEvent,
): LlamaServerChunk {
  const { job, index } = options;
  return {
    index: index + choice,
    content: token.text,
    tokens: token.ids ?? [],
    stop: false,
    id_slot: slotOf(job, choice),
    tokens_predicted: tokenCount,
    tokens_evaluated: job.state.counts.promptTokens,
    ...(token.logprobs === undefined ? {} : { completion_probabilities: probabilitiesOf(token.logprobs) }),
  };
}

export function wholeOf(options: AnswerOptions, state: ChoiceSoFar, end: EndEvent): LlamaServerCompletion {
  const { job, work, served, promptText, index, streamed } = options;
  const { model } = served.info();
  const { choice, content, tokens, hasNewLine, logprobs } = state;
  const ended = end.choices?.[choice] ?? end;
  const usage = usageOf(state, end);
  const held = usage.prompt_tokens + Math.max(0, usage.completion_tokens - 1);
  return {
    index: index + choice,
    content,
    tokens,
    id_slot: slotOf(job, choice),
    stop: true,
    model,
    tokens_predicted: usage.completion_tokens,
    tokens_evaluated: usage.prompt_tokens,
    generation_settings: settingsOf(options, choice),
    ...(promptText === undefined ? {} : { prompt: promptText }),
    has_new_line: hasNewLine,
    truncated: ended.stopped_by === "context",
    stop_type: stopTypeOf(ended.stopped_by),
    stopping_word: ended.stop_string ?? "",
    tokens_cached: held,
    timings: answerTimings({ usage, timings: end.timings }),
    ...(work.topLogprobs === undefined || streamed ? {} : { completion_probabilities: probabilitiesOf(logprobs) }),
  };
}

/**
 * Returns only the fields with these paths, each with its whole path as key. Unknown paths are ignored.
 * @param paths undefined, null or empty: all fields
 */
export function fieldsOf(answer: Json, paths: readonly string[] | null | undefined): Json {
  if (paths == null || paths.length === 0) return answer;
  const found: [string, unknown][] = [];
  for (const path of paths) {
    let value: unknown = answer;
    for (const key of path.split("/")) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    if (value !== undefined) found.push([path, value]);
  }
  return Object.fromEntries(found);
}

export function slotOf({ state }: Job, choice: number): number {
  return state.sequences[choice]?.slot ?? -1;
}

/** The usage of one choice; the end event has only the sum of all choices. */
function usageOf({ choice, tokenCount }: ChoiceSoFar, { choices, usage }: EndEvent): Usage {
  if (choices === undefined) return usage;
  const completion = tokenCount + (choices[choice]?.stopped_by === "end" ? 1 : 0);
  return { ...usage, completion_tokens: completion, total_tokens: usage.prompt_tokens + completion };
}

function stopTypeOf(by: StoppedBy | undefined): LlamaServerCompletion["stop_type"] {
  if (by === undefined) return "none";
  if (by === "end") return "eos";
  return by === "stop_string" ? "word" : "limit";
}

/** The sampling settings that were used. */
function settingsOf({ job, work, samplers, endTokens, streamed }: AnswerOptions, choice: number): Json {
  const { grammar, logit_bias: bias = {}, seed: _, ...sampling } = work.sampling;
  const seed = job.spec.work.kind === "generate" ? job.spec.work.sampling.seed : 0;
  const maxTokens = work.maxTokens ?? -1;
  return {
    seed: (seed + choice) % 2 ** 32,
    ...sampling,
    stop: work.stop,
    max_tokens: maxTokens,
    n_predict: maxTokens,
    stream: streamed,
    logit_bias: [
      ...Object.entries(bias).map(([token, amount]) => ({ token: Number(token), bias: amount })),
      // llama-server shows its bias of minus infinity as null.
      ...endTokens.map((token) => ({ token, bias: null })),
    ],
    n_probs: work.topLogprobs ?? 0,
    n_indent: work.lines?.minIndent ?? 0,
    t_max_predict_ms: work.lines?.maxDecodeMs ?? -1,
    grammar: grammar ?? "",
    samplers,
  };
}

type Probability = NonNullable<LlamaServerChunk["completion_probabilities"]>[number];

function probabilitiesOf(entries: readonly Logprob[]): Probability[] {
  return entries.map(({ top, ...entry }) => ({ ...tokenOf(entry), top_logprobs: top.map(tokenOf) }));
}

function tokenOf({ id, bytes, logprob }: Omit<Logprob, "top">): Omit<Probability, "top_logprobs"> {
  return { id, token: Buffer.from(bytes).toString("utf8"), bytes, logprob };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
