// Defines JobSpec, a request independent of its dialect. Each dialect translates its requests into a JobSpec; jobs know no dialect.
import type { EmbedInput, LineLimits, PromptInput, PriorOutput } from "@waggle/engine";
import type { LoraChoice, Sampling } from "@waggle/protocol";

/** The dialect has validated the request, so every field is within its bounds. */
export type JobSpec = GenerateSpec | EmbedSpec | RerankSpec;

interface SpecOfAnyKind {
  /** Number of engines in a row, at other workers, that died while running the job, without new output. */
  readonly enginesLost?: number | undefined;
  /** The client's id for the job; if undefined, a random id is drawn on acceptance. */
  readonly id?: string | undefined;
  /** The served name of the job's model. */
  readonly model: string;
  /** How long the client wants the model to stay loaded after this job; Infinity: forever. */
  readonly keepAliveMs?: number | undefined;
  readonly scope: JobScope;
  /** From -10 to 10; jobs with a higher priority start first. */
  readonly priority: number;
  /** Deadline in milliseconds after acceptance. */
  readonly deadlineMs?: number | undefined;
  /** The client chose the deadline: a job whose first token is expected later is refused at once. */
  readonly refusedIfLate?: boolean | undefined;
  /** What happens to the job when its last reader is gone. */
  readonly onDisconnect: "cancel" | "continue";
  /** The stream is the response to the request itself, so no reader can come back after a disconnect. */
  readonly direct: boolean;
  /** The client may send the request again after a disconnect, so the job continues for a while without readers. */
  readonly retriable?: boolean | undefined;
}

/** The client, session and request that the job belongs to. */
export interface JobScope {
  /** The API token's name. Jobs, sessions and cached prefixes of one client are invisible to another. */
  readonly client: string;
  /** A session has one stream at a time: a new job supersedes the session's last job. */
  readonly sessionId?: string | undefined;
  /** The session whose KV cache the job continues from, when `sessionId` is absent because the gateway keeps the session's order. */
  readonly cacheSession?: string | undefined;
  /** The id of the job's request, for the log. */
  readonly trace: string;
  /** Digest of the request's body, to recognize a repeated request. */
  readonly requestDigest?: string | undefined;
}

export interface GenerateSpec extends SpecOfAnyKind {
  readonly kind: "generate";
  readonly prompt: PromptInput;
  /** Number of answers to the same prompt, with the seeds `seed`, `seed + 1` … */
  readonly choices: number;
  /** A seed of -1 is replaced by 32 random bits on acceptance. */
  readonly sampling: Sampling;
  /** Grammar of the whole answer to a conversation, including a beginning that the prompt contains. Excludes `sampling.grammar`. */
  readonly answerGrammar?: string | undefined;
  /** Most tokens of reasoning. Then the reasoning is closed, and the answer begins. */
  readonly thinkingBudget?: number | undefined;
  /** The answer ends after this many repetitions of the same tokens. */
  readonly repetitionLimit?: number | undefined;
  /** Most tokens of the answer. If undefined, the answer may fill the context; with 0, the prompt is computed into the cache, without output. */
  readonly maxTokens?: number | undefined;
  /** A full context is shifted instead of ending the job. Only with `maxTokens`. */
  readonly contextShift: boolean;
  /** Scales of the model's adapters by id; adapters that are not listed are off. If undefined, all adapters have their scales at load. */
  readonly lora?: LoraChoice | undefined;
  readonly stop: readonly string[];
  /** Limits by lines for the answer to a plain prompt. */
  readonly lines?: LineLimits | undefined;
  /** The answer fills a hole in code, so the answer ends where the model is unsure. */
  readonly fillIn?: boolean | undefined;
  /** Return logprobs with each token, with this number of alternatives. */
  readonly topLogprobs?: number | undefined;
  /** Also keep the logprobs of the prompt's tokens, with the same number of alternatives. No part of the prompt is then read from a cache. */
  readonly promptLogprobs?: boolean | undefined;
  /** Whether the job continues when its engine dies after the first output; `resume` by default. */
  readonly onEngineLoss?: "resume" | "error" | undefined;
  /** Whether the job continues when its worker in a fleet is lost; by default the gateway's setting. */
  readonly onWorkerLoss?: "resume" | "error" | undefined;
  /** The output of another worker, which this job continues. Then `choices` is 1. */
  readonly priorOutput?: PriorOutput | undefined;
}

interface TextsSpec extends SpecOfAnyKind {
  /** Number of texts, counted from the first, that another worker has computed. They are not computed again. */
  readonly computed?: number | undefined;
}

export interface EmbedSpec extends TextsSpec {
  readonly kind: "embed";
  readonly texts: readonly EmbedInput[];
  /** Number of values that are kept of each vector, from the first; by default all. */
  readonly dimensions?: number | undefined;
  /** Texts are cut after this many tokens, at most the model's limit. If undefined, a text over the model's limit is refused. */
  readonly truncateTo?: number | undefined;
}

export interface RerankSpec extends TextsSpec {
  readonly kind: "rerank";
  /** One query for all documents, or one query per document. */
  readonly queries: readonly string[];
  readonly documents: readonly string[];
  /** Most tokens of a query and its document together; the document is cut to fit. */
  readonly truncateTo?: number | undefined;
}

/** Drops the content of an ended job's spec, which may be megabytes and is needed by engines only. */
export function withoutContent(spec: JobSpec): JobSpec {
  if (spec.kind === "embed") return { ...spec, texts: [] };
  if (spec.kind === "rerank") return { ...spec, queries: [], documents: [] };
  const { grammar: _, logit_bias: __, ...sampling } = spec.sampling;
  const prompt = { kind: "text", text: "" } as const;
  return { ...spec, prompt, answerGrammar: undefined, stop: [], sampling, priorOutput: undefined };
}
