// Defines JobSpec, a request independent of its dialect. Each dialect translates its requests into a JobSpec, and jobs know only that.
import type { EmbedInput, LineLimits, PromptInput, PriorOutput } from "@waggle/engine";
import type { LoraChoice, Sampling } from "@waggle/protocol";

/** Validated by its dialect: every field is within its bounds. */
export type JobSpec = GenerateSpec | EmbedSpec | RerankSpec;

/** The fields of every kind of job. */
interface SpecOfAnyKind {
  /** Engines in a row, of other workers, that died while running the job, without new output. */
  readonly enginesLost?: number | undefined;
  /** The client's id for the job; if undefined, a random id is drawn on acceptance. */
  readonly id?: string | undefined;
  /** The served name of the job's model. */
  readonly model: string;
  /** How long that model stays loaded after this job, as the client asked; Infinity: forever. */
  readonly keepAliveMs?: number | undefined;
  readonly scope: JobScope;
  /** -10 to 10; higher first. */
  readonly priority: number;
  /** Deadline in milliseconds after acceptance. */
  readonly deadlineMs?: number | undefined;
  /** The client chose the deadline: a job whose first token is expected later is refused at once. */
  readonly refusedIfLate?: boolean | undefined;
  /** What happens when the last reader is gone. */
  readonly onDisconnect: "cancel" | "continue";
  /** The stream is the response to the request itself, so no reader can come back after a disconnect. */
  readonly direct: boolean;
  /** Its client may send the request again after a disconnect: the job continues for a while without readers. */
  readonly retriable?: boolean | undefined;
}

/** The client, session and request that the job belongs to. */
export interface JobScope {
  /** The API token's name: jobs, sessions and cached prefixes of one client are invisible to another. */
  readonly client: string;
  /** One stream at a time for each session; a new job supersedes the old one. */
  readonly sessionId?: string | undefined;
  /** The session whose KV cache the job continues from, when `sessionId` is absent because the gateway keeps the session's order. */
  readonly cacheSession?: string | undefined;
  /** The id of the request that brought the job, for the log. */
  readonly trace: string;
  /** Digest of that request's body, to recognize the same request. */
  readonly requestDigest?: string | undefined;
}

export interface GenerateSpec extends SpecOfAnyKind {
  readonly kind: "generate";
  readonly prompt: PromptInput;
  /** Sequences that run side by side from the same prompt, with the seeds `seed`, `seed + 1` … */
  readonly choices: number;
  /** A seed of -1 is replaced by 32 random bits on acceptance.  */
  readonly sampling: Sampling;
  /** The grammar of the answer, applied from the point where the prompt lets the answer begin. Excludes `sampling.grammar`. */
  readonly answerGrammar?: string | undefined;
  /** Most tokens of reasoning. After them the reasoning is closed, and the answer begins. */
  readonly thinkingBudget?: number | undefined;
  /** The answer ends after this many repetitions of the same tokens. */
  readonly repetitionLimit?: number | undefined;
  /** Most tokens of the answer. If undefined, the answer may fill the context; 0 only computes the prompt, for the cache. */
  readonly maxTokens?: number | undefined;
  /** A full context is shifted instead of ending the job. Only with `maxTokens`. */
  readonly contextShift: boolean;
  /** Adapters and their scales, all others off; undefined: the model's defaults. */
  readonly lora?: LoraChoice | undefined;
  readonly stop: readonly string[];
  /** Limits of lines that end the answer to a plain prompt. */
  readonly lines?: LineLimits | undefined;
  /** The answer fills a gap in code: an uncertain token ends it. */
  readonly fillIn?: boolean | undefined;
  /** Return logprobs with each token, with this number of alternatives. */
  readonly topLogprobs?: number | undefined;
  /** Also keep the logprobs of the prompt's tokens, with the same number of alternatives. Then no part of the prompt is read from a cache. */
  readonly promptLogprobs?: boolean | undefined;
  /** Whether the job continues when its engine dies after the first output; `resume` by default. */
  readonly onEngineLoss?: "resume" | "error" | undefined;
  /** Whether the job continues when its worker in a fleet is lost; by default the gateway's setting. */
  readonly onWorkerLoss?: "resume" | "error" | undefined;
  /** The output of another worker, which this one continues; `choices` is 1 then. */
  readonly priorOutput?: PriorOutput | undefined;
}

interface TextsSpec extends SpecOfAnyKind {
  /** How many texts, counted from the first, another worker has computed. They are not computed again. */
  readonly computed?: number | undefined;
}

export interface EmbedSpec extends TextsSpec {
  readonly kind: "embed";
  /** One vector for each. */
  readonly texts: readonly EmbedInput[];
  /** Length of each vector; by default the model's full length. */
  readonly dimensions?: number | undefined;
  /** Texts are cut after this many tokens, at most the model's limit. If undefined, a text over the model's limit is refused. */
  readonly truncateTo?: number | undefined;
}

export interface RerankSpec extends TextsSpec {
  readonly kind: "rerank";
  /** One query for all documents, or one query per document. */
  readonly queries: readonly string[];
  /** The result has one logit per document. */
  readonly documents: readonly string[];
  /** Most tokens of a query and its document together; the document is cut to fit. */
  readonly truncateTo?: number | undefined;
}

/** The spec of an ended job: its content may be megabytes, and no engine needs it again. */
export function withoutContent(spec: JobSpec): JobSpec {
  if (spec.kind === "embed") return { ...spec, texts: [] };
  if (spec.kind === "rerank") return { ...spec, queries: [], documents: [] };
  const { grammar: _, logit_bias: __, ...sampling } = spec.sampling;
  const prompt = { kind: "text", text: "" } as const;
  return { ...spec, prompt, answerGrammar: undefined, stop: [], sampling, priorOutput: undefined };
}
