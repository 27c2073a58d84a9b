// Defines the messages between the worker and its engine, which usually is a child process: plain data, one message per step.
import type { ErrorCode, PromptPiece, SlotStatus, StepCosts, StoppedBy } from "@waggle/protocol";
import type { BackendInfo, GpuMemory } from "./info.ts";
import type { Picture } from "./pictures.ts";
import type { Conversation } from "./prompts.ts";
import type { Token } from "./steps.ts";
import type { PriorWork, Work } from "./work.ts";

/** The work of a job, in the form that the engine prepares. A job with several choices is prepared once. */
export interface EngineJob<W extends Work = Work> {
  /** The id of the prepared work, and of a choice that runs. */
  readonly jobId: string;
  readonly work: W;
  /** The API token's name. Jobs share cached prefixes only within one scope, and scopes share the engine's time. */
  readonly cacheScope: string;
  readonly sessionId?: string | undefined;
  /** Earlier answers of jobs with the same scope may be used to guess this job's tokens; absent: none. */
  readonly guessScope?: string | undefined;
  /** From -10 to 10, or that of the lane. When the context pool is full, a job with the lowest priority is parked. */
  readonly priority: number;
  readonly prior?: PriorWork | undefined;
}

export type EngineCommand =
  /** Tokenize and check the work of a job, and keep the result for its start; answered by `prepared` or `prepare_failed`. */
  | { readonly type: "prepare"; readonly job: EngineJob }
  /**
   * Run these choices of the work that was prepared under this id, and keep the work no longer. Choices wait inside the engine
   * only while their work is being prepared, or if no slot is free.
   */
  | { readonly type: "start"; readonly prepared: string; readonly choices: readonly StartedChoice[] }
  /** Forget the work or the query of this id: its job has ended without a start, or its client has left. A query is answered all the same. */
  | { readonly type: "drop"; readonly prepared: string }
  /**
   * End the job; a `cancelled` job event follows as soon as the slot is free, at most one step later. With `yields` the job continues later after its
   * output so far, so the text that it holds back is not sent.
   */
  | { readonly type: "cancel"; readonly jobId: string; readonly yields?: boolean | undefined }
  /** A question about the model; answered by `query_result` with the same id, while steps continue. */
  | { readonly type: "query"; readonly id: string; readonly question: EngineQuery; readonly client: string }
  /** Compute with at most this many threads until the next such command, because other engines share the cores. */
  | { readonly type: "limit_threads"; readonly threads: number }
  /** Exit at once; running jobs are lost. */
  | { readonly type: "shutdown" };

/** A choice and the id of its job in the engine. Texts are one choice. */
export interface StartedChoice {
  readonly jobId: string;
  readonly choice: number;
}

export type EngineQuery =
  | {
      readonly kind: "tokenize";
      readonly text: string;
      readonly addSpecial: boolean;
      readonly parseSpecial: boolean;
      /** Also return the bytes of each token, which takes longer than the tokens. */
      readonly withPieces: boolean;
    }
  | { readonly kind: "detokenize"; readonly tokens: readonly Token[] }
  | ({ readonly kind: "render" } & Conversation)
  /** Number of tokens of a conversation as a prompt; the tokenized text of `render` may have another number. */
  | ({ readonly kind: "count"; readonly pictures?: readonly Picture[] | undefined } & Conversation);

export type EngineQueryResult =
  /** `pieces` are the bytes of each token in base64, if requested. */
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

/** One token of the prompt with its logprobs; the first token of a prompt has no logprob. */
export type PromptLogprobEntry = LogprobEntry | (Omit<LogprobEntry, "logprob"> & { readonly logprob: null });

export interface JobFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** The part of a conversation's answer that a piece of text belongs to. */
export type PartName =
  | { readonly kind: "reasoning" }
  | { readonly kind: "call"; readonly index: number; readonly name: string; readonly id?: string }
  | { readonly kind: "arguments"; readonly index: number };

/** Counts and durations of an ended job, measured by the engine. Milliseconds. */
export interface JobTotals {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Model tokens sampled, end-of-generation included. */
  readonly completionTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Number of guessed tokens that were computed for the job, and how many of them were right. Absent if none was guessed. */
  readonly guessedTokens?: number;
  readonly rightGuesses?: number;
  /** Number of pieces of the answer that looked like tool calls and could not be parsed. Such pieces are sent as content. */
  readonly unreadableCalls?: number;
}

/** The totals of a job that no engine has begun. */
export const noTotals = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  prefillMs: 0,
  decodeMs: 0,
} as const satisfies JobTotals;

export type JobEvent =
  /** The job begins. Embed and rerank jobs have no slot. */
  | {
      readonly type: "started";
      readonly jobId: string;
      readonly slot?: number;
      /** For an embed or rerank job, the tokens of all its texts together; for a decide job, each token that is computed, once. */
      readonly promptTokens: number;
      readonly cachedTokens: number;
      /** The first text of the prompt that is not cached; absent where the slot held no tokens of this cache scope. */
      readonly differsAt?: string;
      /** The seed of the request, or the random seed that replaced -1; absent for embed and rerank jobs. */
      readonly seed?: number;
    }
  /**
   * The context pool is full, so the job has left its KV cache. It continues when there is room, with its next token; its prompt may have to be
   * computed again.
   */
  | { readonly type: "parked"; readonly jobId: string }
  /** Progress of a long prompt, sent at intervals and not after every pass. */
  | {
      readonly type: "progress";
      readonly jobId: string;
      /** Prompt tokens in the KV cache now, including those that were cached before the job. */
      readonly processedTokens: number;
      readonly promptTokens: number;
      readonly cachedTokens: number;
      /** Milliseconds since this job's `started`. */
      readonly tMs: number;
    }
  | {
      readonly type: "token";
      readonly jobId: string;
      /** Index of the event: counts up from 0 without gaps. */
      readonly index: number;
      readonly text: string;
      /** Absent for content, and for the answer to a plain prompt. */
      readonly part?: PartName;
      /** Milliseconds since this job's `started`. */
      readonly tMs: number;
      /**
       * Model tokens in this event, in order: all tokens sampled since the last event, except a token that ends the
       * generation. The context so far is the prompt's tokens and the `ids` of all events. The text of the `ids` of all
       * events is the text that was sent, plus text that may still be held back.
       */
      readonly ids: readonly Token[];
      /** The length of `ids`; 0 if an earlier event had the ids of this text. */
      readonly n: number;
      /** Logprobs of the model tokens in this event, if requested. */
      readonly logprobs?: readonly LogprobEntry[];
    }
  /** Logprobs of consecutive tokens of the prompt, as they are computed. All such events come before the job's first token and before its end. */
  | {
      readonly type: "prompt_logprobs";
      readonly jobId: string;
      /** Position of the first of these tokens in the prompt. */
      readonly from: number;
      readonly entries: readonly PromptLogprobEntry[];
    }
  /** The result of one text or reading. Results come in the order of the texts or readings. */
  | {
      readonly type: "embedding";
      readonly jobId: string;
      readonly index: number;
      /** A text's unit vector, a list with only the logit of a document, or the logprob of each option of a reading. */
      readonly vector: readonly number[];
      /** Number of tokens of the text, or of those that only this reading has. */
      readonly tokens: number;
    }
  | ({
      readonly type: "finished";
      readonly jobId: string;
      readonly by: StoppedBy;
      /** The stop string that ended the text, if one did. */
      readonly stopString?: string;
    } & JobTotals)
  /** `steps`: forward passes that ended between the cancel command and the slot being free; 0 or 1. */
  | ({ readonly type: "cancelled"; readonly jobId: string; readonly steps: number } & JobTotals)
  | ({ readonly type: "failed"; readonly jobId: string } & JobFailure);

export interface StepStats {
  readonly step: number;
  /** Number of batch entries. */
  readonly width: number;
  readonly decodeRows: number;
  /** Number of tokens fed. */
  readonly tokens: number;
  /** Number of fed prompt tokens whose next-token logprobs were requested. */
  readonly scored: number;
  /** Number of guessed tokens in `tokens`, and how many of them were right. */
  readonly guessed: number;
  readonly rightGuesses: number;
  readonly passMs: number;
  /** Time from the end of the last step to the start of this step; 0 when the engine had no work in between. */
  readonly gapMs: number;
  readonly threads: number;
  /** Number of tokens that all slots hold after the step, idle slots included. */
  readonly cells: number;
  /** Number of jobs that are parked. */
  readonly parked: number;
}

export interface OpenedFile {
  /** `picture`: the projector, at the first picture. */
  readonly kind: "projector" | "picture" | "adapter";
  readonly path: string;
}

/** An event of the engine, as it crosses between the processes. */
export type EngineEvent = EngineLife | JobMessage | Measurement;

/** How the engine's process is, for its supervisor. */
export type EngineLife =
  /** `progress` is from 0 to 1. */
  | { readonly type: "loading"; readonly progress: number }
  /** The library opens a file that the model is loaded with, and may crash at it; undefined: it is open. */
  | { readonly type: "opening"; readonly file: OpenedFile | undefined }
  | { readonly type: "ready"; readonly info: BackendInfo; readonly loadMs: number }
  | { readonly type: "load_failed"; readonly message: string }
  /** The backend broke; the engine is unusable and about to exit. */
  | { readonly type: "broken"; readonly message: string }
  | { readonly type: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };

/** What became of jobs and queries. */
export type JobMessage =
  | {
      readonly type: "prepared";
      readonly jobId: string;
      readonly promptTokens: number;
      readonly cachedTokens: number;
    }
  | { readonly type: "query_result"; readonly id: string; readonly answer: EngineQueryResult }
  /** The work cannot run. Choices that have started fail with job events instead. */
  | { readonly type: "prepare_failed"; readonly jobId: string; readonly failure: JobFailure }
  /** The engine does not have the work of choices that have started. The choices wait until it is prepared again. */
  | { readonly type: "unprepared"; readonly jobId: string }
  | StepMessage;

/**
 * Sent after every forward pass, every piece of an embed or rerank job, and every scheduling point with job events. Also
 * sent as a sign of life while a text is tokenized. Only a pass has `stats`. `slots` is present when a slot has changed its
 * state or its job, and from time to time to update the counts.
 */
export interface StepMessage {
  readonly type: "step";
  readonly events: readonly JobEvent[];
  readonly slots?: readonly SlotStatus[];
  readonly stats?: StepStats;
}

/** What the engine has measured, for metrics and forecasts. */
export type Measurement =
  | StepMessage
  /**
   * A KV snapshot with this many tokens was saved, loaded or found damaged, or its transfer is `underway`: sent about once a second.
   * `states` is the number of all snapshots after the operation, `bytes` their total size.
   */
  | {
      readonly type: "prefix_store";
      readonly operation: "save" | "load" | "damaged" | "underway";
      readonly tokens: number;
      readonly ms: number;
      readonly states: number;
      readonly bytes: number;
    }
  /** A picture's chunk was encoded, or computed in a slot by a pass. */
  | {
      readonly type: "picture";
      readonly operation: "encode" | "compute";
      readonly cells: number;
      readonly ms: number;
    }
  /** What steps cost, measured. Sent after the load, and every few seconds while it changes. */
  | { readonly type: "step_costs"; readonly costs: StepCosts; readonly pieces: readonly PromptPiece[] }
  /** Sent about once a second. `eventLoopUtilization` is that of the engine's main thread since the last report, 0 to 1. */
  | { readonly type: "process_stats"; readonly eventLoopUtilization: number; readonly rssBytes: number }
  /** Sent every few seconds when the engine uses a GPU. */
  | ({ readonly type: "gpu_memory" } & GpuMemory);
