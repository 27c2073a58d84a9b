// Defines JobSpec, a request independent of its dialect. Each dialect translates its requests into a JobSpec; jobs know no dialect.
import type { GenerateWork, PriorWork, Work } from "@waggle/engine";
import type { Ticket } from "@waggle/queue";
import type { JobCalls } from "./job-calls.ts";

/** The dialect has validated the request, so every field is within its bounds. */
export interface JobSpec<W = Work> {
  /** The client's id for the job; if undefined, a random id is drawn on acceptance. */
  readonly id?: string | undefined;
  /** The served name of the job's model. */
  readonly model: string;
  readonly who: JobOwner;
  readonly when: JobTerms;
  readonly work: W;
  /** The tool calls that the worker runs between two messages. Only for work that generates. */
  readonly calls?: JobCalls | undefined;
  /** What other workers have done of the work. Then the job has one choice. */
  readonly prior?: PriorAttempts | undefined;
}

export type GenerateSpec = JobSpec<GenerateWork>;

/** The client of all requests in local mode, where requests have no token. Several people or programs may share it. */
export const localClient = "local";

/** The client, session and request that the job belongs to. */
export interface JobOwner {
  /** The API token's name. Jobs, sessions and cached prefixes of one client are invisible to another. */
  readonly client: string;
  /** A session has one stream at a time: a new job supersedes the session's last job. */
  readonly sessionId?: string | undefined;
  /** The request's place in the order of arrival; by default drawn when the job is submitted. */
  readonly ticket?: Ticket | undefined;
  /** The session whose KV cache the job continues from, when `sessionId` is absent because the gateway keeps the session's order. */
  readonly cacheSession?: string | undefined;
  /** The client's id of the job, if the job's own id is not the client's: at a fleet's worker. */
  readonly streamId?: string | undefined;
  /** The batch of the job's line. The batches of a client take turns. */
  readonly batch?: string | undefined;
  /** The id of the job's request, for the log. */
  readonly trace: string;
  /** Digest of the request's body, to recognize a repeated request. */
  readonly requestDigest?: string | undefined;
}

/** When the job starts and ends. */
export interface JobTerms {
  /** One of `priorities`, or `lanePriority`; jobs with a higher priority start first. */
  readonly priority: number;
  /** Deadline in milliseconds after acceptance. */
  readonly deadlineMs?: number | undefined;
  /** Time since the acceptance at another server, which counts for the deadline. */
  readonly spentMs?: number | undefined;
  /** The setting that limits the job's time; undefined: the client chose the deadline. */
  readonly deadlineSetting?: string | undefined;
  /** The client chose the deadline: a job whose first token is expected later is refused at once. */
  readonly refusedIfLate?: boolean | undefined;
  /** How long the client wants the model to stay loaded after this job; Infinity: forever. */
  readonly keepAliveMs?: number | undefined;
  /** What happens to the job when its last reader is gone. */
  readonly onDisconnect: "cancel" | "continue";
  /** The stream is the response to the request itself and the client chose no id, so no reader can come back after a disconnect. */
  readonly direct: boolean;
  /** The client gets the job's id in its stream, so it can open the stream again, also at another gateway. */
  readonly resumable?: boolean | undefined;
  /** The client may send the request again after a disconnect, so the job continues for a while without readers. */
  readonly retriable?: boolean | undefined;
  /** Whether a generate job continues when its engine dies after the first output; `resume` by default. */
  readonly onEngineLoss?: "resume" | "error" | undefined;
  /** Whether a generate job continues when its worker in a fleet is lost; by default the gateway's setting. */
  readonly onWorkerLoss?: "resume" | "error" | undefined;
}

export interface PriorAttempts extends PriorWork {
  /** Number of engines in a row that died while running the job, without new output. */
  readonly enginesLost?: number | undefined;
}

/** Drops the content of an ended job's spec, which may be megabytes and is needed by engines only. */
export function withoutContent(spec: JobSpec): JobSpec {
  const { calls } = spec;
  const short = calls && { ...calls, grammars: { later: undefined, last: undefined }, recorded: [] };
  return { ...spec, work: withoutTexts(spec.work), ...(short === undefined ? {} : { calls: short }), prior: undefined };
}

function withoutTexts(work: Work): Work {
  switch (work.kind) {
    case "embed":
      return { ...work, texts: [] };
    case "rerank":
      return { ...work, queries: [], documents: [] };
    case "decide":
      return { ...work, state: { messages: [] }, pictures: undefined, readings: [] };
    case "generate":
      return withoutPrompt(work);
  }
}

function withoutPrompt(work: GenerateWork): GenerateWork {
  const { grammar: _, logit_bias: __, ...sampling } = work.sampling;
  return {
    ...work,
    prompt: { kind: "text", text: "" },
    pictures: undefined,
    answerGrammar: undefined,
    stop: [],
    sampling,
  };
}
