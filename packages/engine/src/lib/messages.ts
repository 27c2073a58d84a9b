// Owns what passes between the worker and its engine, which usually lives in a child process: plain data, one message per step.
import type { ErrorCode, LoraChoice, Sampling, SlotStatus, StoppedBy } from "@waggle/protocol";
import type {
  BackendInfo,
  EmbedInput,
  GpuMemory,
  InfillPrompt,
  PromptPiece,
  TemplateMessage,
  TemplateOptions,
  TemplateTool,
  Token,
} from "./backend.ts";
import type { LineLimits } from "./line-limits.ts";

/** What a job has said under an engine that is gone. */
export interface SaidTokens {
  /** Those that its token events have told of, in order. */
  readonly ids: readonly Token[];
  /** How many token events told of them: the index of the next one. */
  readonly events: number;
}

/** A job as the engine sees it. */
export type EngineJob = GenerateJob | TextsJob;

export interface GenerateJob {
  readonly kind: "generate";
  readonly jobId: string;
  /** Exactly one of these four. */
  readonly prompt?: string;
  readonly pieces?: readonly PromptPiece[];
  readonly infill?: InfillPrompt;
  readonly messages?: readonly TemplateMessage[];
  readonly tools?: readonly TemplateTool[];
  readonly template?: TemplateOptions;
  /** Holds the answer to its format; it begins where the prompt left off. Not beside `sampling.grammar`. */
  readonly answerGrammar?: string;
  /** Tokens of a thought after which it is closed. */
  readonly thinkingBudget?: number;
  /** Times over that the same tokens end the answer. */
  readonly repetitionLimit?: number;
  /** 0: the prompt is computed, so that the next one finds it, and nothing is said. */
  readonly maxTokens?: number;
  /** Of the text that answers a plain prompt. */
  readonly lines?: LineLimits;
  /** It is the text of a hole in code: what is not sure ends it. */
  readonly fillIn?: boolean;
  /** A full context is shifted instead of ending the job. Only with `maxTokens`: nothing else would surely end it. */
  readonly contextShift?: boolean;
  /** The model's adapters by their ids, all others off; by default as they were loaded. */
  readonly lora?: LoraChoice;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  /** Send logprobs with the tokens, with so many alternatives each. */
  readonly topLogprobs?: number;
  /** Send logprobs of the prompt's tokens as well, with as many alternatives. All of it is computed then, whatever is cached. */
  readonly promptLogprobs?: true;
  /** Jobs share cached prefixes within one scope only: it is the API token's name. */
  readonly cacheScope: string;
  readonly sessionId?: string;
  /** Where it goes on: after what it has said already. Its next event is the one that comes after that. */
  readonly said?: SaidTokens;
}

/** Texts that are read and not answered. It has no slot: its pieces are computed between the passes of the others. */
export type TextsJob = EmbedJob | RerankJob;

/** Vectors for texts. */
export interface EmbedJob {
  readonly kind: "embed";
  readonly jobId: string;
  /** At least one. */
  readonly texts: readonly EmbedInput[];
  /** Numbers of each vector, the model's first ones; by default all that it has. */
  readonly dimensions?: number;
  /** Tokens of a text beyond which it is cut off, the model's own limit at most; where absent, a text that is too long is refused. */
  readonly truncateTo?: number;
  /** How many of the first texts were computed under an engine that is gone: they are counted and not computed again. */
  readonly computed?: number;
  readonly cacheScope: string;
}

/** How well documents fit a query. */
export interface RerankJob {
  readonly kind: "rerank";
  readonly jobId: string;
  /** One for all documents, or one for each. */
  readonly queries: readonly string[];
  /** At least one. */
  readonly documents: readonly string[];
  /** As in `EmbedJob`, of a query and its document together: the document is cut. */
  readonly truncateTo?: number;
  /** As in `EmbedJob`. */
  readonly computed?: number;
  readonly cacheScope: string;
}

export type EngineCommand =
  /** Tokenize and check a job without starting it; answered by `preflight_ok`. */
  | { readonly type: "preflight"; readonly job: EngineJob }
  /** Nobody waits for the answer to its preflight any more. */
  | { readonly type: "end_preflight"; readonly jobId: string }
  /** Run the job. It waits inside the engine only if no slot is free. */
  | { readonly type: "submit"; readonly job: EngineJob }
  /** Answered by a `cancelled` job event as soon as the slot is free, at most one step later. */
  | { readonly type: "cancel"; readonly jobId: string }
  /** A question about the model that is no job; answered by `query_result` with the same id, while steps go on. */
  | { readonly type: "query"; readonly id: string; readonly question: EngineQuery }
  /** Compute with so many threads at most, until another number comes: other engines share the cores. */
  | { readonly type: "limit_threads"; readonly threads: number }
  /** Leave now; running jobs are lost. */
  | { readonly type: "shutdown" };

export type EngineQuery =
  | {
      readonly kind: "tokenize";
      readonly text: string;
      readonly addSpecial: boolean;
      readonly parseSpecial: boolean;
      /** The bytes of each token as well: they take longer than the tokens. */
      readonly withPieces: boolean;
    }
  | { readonly kind: "detokenize"; readonly tokens: readonly Token[] }
  | ({ readonly kind: "render" } & ConversationQuery)
  /** How many tokens it is as a prompt, which its text alone does not tell. */
  | ({ readonly kind: "count" } & ConversationQuery);

interface ConversationQuery {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly TemplateTool[];
  readonly template?: TemplateOptions;
}

export type EngineQueryResult =
  /** `pieces` are the bytes of each token, base64, where they were asked for. */
  | { readonly kind: "tokenize"; readonly tokens: readonly Token[]; readonly pieces?: readonly string[] }
  | { readonly kind: "detokenize"; readonly text: string }
  | { readonly kind: "render"; readonly prompt: string }
  | { readonly kind: "count"; readonly promptTokens: number }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/** One model token with its logprobs. Bytes as numbers, 0 to 255. */
export interface LogprobEntry extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

export interface TokenLogprob {
  readonly id: Token;
  readonly bytes: readonly number[];
  readonly logprob: number;
}

/** The same of a token of the prompt; the first one follows nothing that would make it probable. */
export type PromptLogprobEntry = LogprobEntry | (Omit<LogprobEntry, "logprob"> & { readonly logprob: null });

export interface JobFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** What a piece of an answer to messages belongs to. */
export type PartName =
  | { readonly kind: "reasoning" }
  | { readonly kind: "call"; readonly index: number; readonly name: string; readonly id?: string }
  | { readonly kind: "arguments"; readonly index: number };

/** Counts and durations of a job that has ended, as the engine saw it. Milliseconds. */
export interface JobTotals {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Model tokens sampled, end-of-generation included. */
  readonly completionTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Pieces of the answer that looked like tool calls and could not be read: they are content. */
  readonly unreadableCalls?: number;
}

export type JobEvent =
  /** The job begins: in its slot, where it has one. */
  | {
      readonly type: "started";
      readonly jobId: string;
      readonly slot?: number;
      /** Of all texts together. */
      readonly promptTokens: number;
      readonly cachedTokens: number;
      /** The first text of the prompt that has to be computed, where the cache held anything of this scope. */
      readonly differsAt?: string;
      /** That of the job, or the one that was drawn for it; absent where nothing is sampled. */
      readonly seed?: number;
    }
  /** A piece of a long prompt was computed, and more of it is to come; not after every piece. */
  | {
      readonly type: "progress";
      readonly jobId: string;
      /** Prompt tokens in the KV cache now, those that were cached included. */
      readonly processedTokens: number;
      readonly promptTokens: number;
      readonly cachedTokens: number;
      /** Milliseconds since this job's `started`. */
      readonly tMs: number;
    }
  | {
      readonly type: "token";
      readonly jobId: string;
      /** Gapless from 0. */
      readonly index: number;
      readonly text: string;
      /** Absent for content, and for the text that answers a plain prompt. */
      readonly part?: PartName;
      /** Milliseconds since this job's `started`. */
      readonly tMs: number;
      /**
       * Model tokens in it, in order: all that were sampled since the last event, but for one that ends the generation. Together with the
       * prompt's they are the context so far, and their text is all that was told and what may still be held back.
       */
      readonly ids: readonly Token[];
      /** The number of `ids`; 0 where an earlier event has told of them. */
      readonly n: number;
      /** Of the model tokens in it, where they were asked for. */
      readonly logprobs?: readonly LogprobEntry[];
    }
  /** Of consecutive tokens of the prompt, as they are computed; all of them have come before the job's first token, or its end. */
  | {
      readonly type: "prompt_logprobs";
      readonly jobId: string;
      /** Where the first of them stands in the prompt. */
      readonly from: number;
      readonly entries: readonly PromptLogprobEntry[];
    }
  /** One of the texts, in the order in which they were given. */
  | {
      readonly type: "embedding";
      readonly jobId: string;
      readonly index: number;
      /** Of length 1; of a document its logit alone. */
      readonly vector: readonly number[];
      readonly tokens: number;
    }
  | ({
      readonly type: "finished";
      readonly jobId: string;
      readonly by: StoppedBy;
      /** Which one it was, where it was one. */
      readonly stopString?: string;
    } & JobTotals)
  /** `steps`: forward passes that ended between the cancel command and the slot being free; 0 or 1. */
  | ({ readonly type: "cancelled"; readonly jobId: string; readonly steps: number } & JobTotals)
  | ({ readonly type: "failed"; readonly jobId: string } & JobFailure);

/** What one step did. `width` counts entries, `tokens` what was fed. */
export interface StepStats {
  readonly step: number;
  readonly width: number;
  readonly decodeRows: number;
  readonly tokens: number;
  /** Of them, prompt tokens whose followers' logprobs were asked for. */
  readonly scored: number;
  readonly passMs: number;
  /** From the end of the last step to the start of this one, when work was there all along. */
  readonly gapMs: number;
  /** Contexts that were shifted before it; llama.cpp does most of that work within the pass. */
  readonly shifts: number;
  readonly threads: number;
}

export type EngineEvent =
  /** From 0 to 1. */
  | { readonly type: "loading"; readonly progress: number }
  | { readonly type: "ready"; readonly info: BackendInfo; readonly loadMs: number }
  | { readonly type: "load_failed"; readonly message: string }
  | {
      readonly type: "preflight_ok";
      readonly jobId: string;
      readonly promptTokens: number;
      readonly cachedTokens: number;
    }
  | { readonly type: "query_result"; readonly id: string; readonly answer: EngineQueryResult }
  | { readonly type: "preflight_failed"; readonly jobId: string; readonly failure: JobFailure }
  /**
   * After every forward pass, after every piece of a job of texts, and after a scheduling point that changed something without either. Only a pass
   * has `stats`. All slots are told when one of them has changed its state or its job, and now and then for their counts; else they are as before.
   */
  | {
      readonly type: "step";
      readonly events: readonly JobEvent[];
      readonly slots?: readonly SlotStatus[];
      readonly stats?: StepStats;
    }
  /** A slot's state of so many tokens was saved, loaded or found damaged; how many are kept now, and their bytes. */
  | {
      readonly type: "prefix_store";
      readonly operation: "save" | "load" | "damaged";
      readonly tokens: number;
      readonly ms: number;
      readonly states: number;
      readonly bytes: number;
    }
  /** How the engine's process fares, about once a second. Utilization is of its main thread since the last one, 0 to 1. */
  | { readonly type: "process_stats"; readonly eventLoopUtilization: number; readonly rssBytes: number }
  /** Where it computes on a GPU, every few seconds. */
  | ({ readonly type: "gpu_memory" } & GpuMemory)
  /** The backend broke; the engine is unusable and about to leave. */
  | { readonly type: "broken"; readonly message: string }
  | { readonly type: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };
