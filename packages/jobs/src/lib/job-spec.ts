// Owns what the worker is asked for, in no dialect's words. Each dialect translates its requests into a JobSpec, and only
// that goes down to the jobs.
import type { EmbedInput, LineLimits, PromptInput, SaidTokens } from "@waggle/engine";
import type { LoraChoice, Sampling } from "@waggle/protocol";

/** Checked by its dialect: every field is bounded and in its range. */
export type JobSpec = GenerateSpec | EmbedSpec | RerankSpec;

/** What every kind of job has. */
interface SpecOfAnyKind {
  /** Engines that died under it elsewhere, in a row and without anything new from it. */
  readonly enginesLost?: number | undefined;
  /** Chosen by the client; undefined: drawn on acceptance. */
  readonly id?: string | undefined;
  /** The name of the model that it is for, as it is served. */
  readonly model: string;
  /** How long that model stays loaded after this job, by the client's wish; Infinity for ever. */
  readonly keepAliveMs?: number | undefined;
  readonly scope: JobScope;
  /** -10 to 10; higher first. */
  readonly priority: number;
  /** Counted from acceptance. */
  readonly deadlineMs?: number | undefined;
  /** The deadline is the client's own: what cannot even begin to answer by then is refused at once. */
  readonly refusedIfLate?: boolean | undefined;
  /** What happens when the last reader is gone. */
  readonly onDisconnect: "cancel" | "continue";
  /** Its stream is the answer to the request itself, so a disconnect is final at once. */
  readonly direct: boolean;
  /** Its client may send the request again, whatever it has heard by then: the job lives on for a while without it. */
  readonly retriable?: boolean | undefined;
}

/** Whose job it is. */
export interface JobScope {
  /** The API token's name: jobs, sessions and cached prefixes of one client are invisible to another. */
  readonly client: string;
  /** One stream at a time for each session; a new job supersedes the old one. */
  readonly sessionId?: string | undefined;
  /** The session whose KV cache it goes on from, where `sessionId` is absent: whoever keeps the session's order is elsewhere. */
  readonly cacheSession?: string | undefined;
  /** The id of the request that brought the job, for the log. */
  readonly trace: string;
  /** Of that request's body: the same request has the same. */
  readonly requestDigest?: string | undefined;
}

export interface GenerateSpec extends SpecOfAnyKind {
  readonly kind: "generate";
  readonly prompt: PromptInput;
  /** Sequences that run side by side from the same prompt, with the seeds `seed`, `seed + 1` … */
  readonly choices: number;
  /** A seed of -1 is replaced by 32 random bits on acceptance.  */
  readonly sampling: Sampling;
  /** Holds the answer to its format, wherever the prompt lets it begin. Not beside `sampling.grammar`. */
  readonly answerGrammar?: string | undefined;
  /** Tokens of thoughts; then a thought is closed, and the answer begins. */
  readonly thinkingBudget?: number | undefined;
  /** Times over that the same tokens end the answer. */
  readonly repetitionLimit?: number | undefined;
  /** Undefined: to the context's end. 0: the prompt is computed, so that the next one finds it, and nothing is said. */
  readonly maxTokens?: number | undefined;
  /** A full context is shifted instead of ending the job. Only with `maxTokens`. */
  readonly contextShift: boolean;
  /** Adapters and their scales, all others off; undefined: the model's own. */
  readonly lora?: LoraChoice | undefined;
  readonly stop: readonly string[];
  /** Where its lines may end the text that answers a plain prompt. */
  readonly lines?: LineLimits | undefined;
  /** It is the text of a hole in code: what is not sure ends it. */
  readonly fillIn?: boolean | undefined;
  /** Return logprobs with each token, with so many alternatives. */
  readonly topLogprobs?: number | undefined;
  /** Keep the logprobs of the prompt's tokens as well, with as many alternatives. Then nothing of it is taken from a cache. */
  readonly promptLogprobs?: boolean | undefined;
  /** What becomes of it when its engine dies after it has spoken; by default it goes on under the next one. */
  readonly onEngineLoss?: "resume" | "error" | undefined;
  /** The same when a whole worker of a fleet is lost; by default as its gateway is set up. */
  readonly onWorkerLoss?: "resume" | "error" | undefined;
  /** What it has said elsewhere, where it began; `choices` is 1 then. */
  readonly said?: SaidTokens | undefined;
}

interface TextsSpec extends SpecOfAnyKind {
  /** How many of its first texts were computed elsewhere: their vectors are known there, and are not computed again. */
  readonly computed?: number | undefined;
}

export interface EmbedSpec extends TextsSpec {
  readonly kind: "embed";
  /** One vector for each. */
  readonly texts: readonly EmbedInput[];
  /** Numbers of each vector; by default all that the model has. */
  readonly dimensions?: number | undefined;
  /** Tokens of a text beyond which it is cut off, the model's limit at most; undefined: a text that is too long is refused. */
  readonly truncateTo?: number | undefined;
}

export interface RerankSpec extends TextsSpec {
  readonly kind: "rerank";
  /** One for all documents, or one for each. */
  readonly queries: readonly string[];
  /** One logit for each. */
  readonly documents: readonly string[];
  /** Of a query and its document together: the document is cut. */
  readonly truncateTo?: number | undefined;
}

/** What there is to know of a job that has ended: its content may be megabytes, and no engine asks for it again. */
export function withoutContent(spec: JobSpec): JobSpec {
  if (spec.kind === "embed") return { ...spec, texts: [] };
  if (spec.kind === "rerank") return { ...spec, queries: [], documents: [] };
  const { grammar: _, logit_bias: __, ...sampling } = spec.sampling;
  return { ...spec, prompt: { kind: "text", text: "" }, answerGrammar: undefined, stop: [], sampling, said: undefined };
}
