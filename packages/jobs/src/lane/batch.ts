// Defines the life of a batch as one pure function, which returns the new record and what is to be done.
//
//   validating --> in_progress --> finalizing --> completed
//       |              |  |
//       |              |  +--> cancelling --> cancelled
//       |              +--> expired, when the lines that have an answer are published
//       +--> failed
//
// The record is on disk before its change counts. Each effect may be repeated after a restart.

/** The statuses of OpenAI's batches, which are those of all dialects. */
export type BatchStatus =
  | "validating"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "failed"
  | "expired"
  | "cancelling"
  | "cancelled";

/** A mistake in a line of the input, or in the input as a whole. */
export interface BatchProblem {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** Counted from 1; null for the input as a whole. */
  readonly line: number | null;
}

/** Lines by what became of them. Lines without an answer so far are not counted. */
export interface LineCounts {
  readonly completed: number;
  readonly failed: number;
  /** Lines that the batch's cancel or expiry left without an answer. */
  readonly unanswered: number;
}

/** What is on disk of a batch, apart from its input and its results. Times are milliseconds since 1970. */
export interface BatchRecord {
  readonly id: string;
  readonly client: string;
  /** Name of the shape of its input and results. */
  readonly dialect: "openai" | "anthropic";
  readonly endpoint: string;
  /** Id of the uploaded file; undefined if the request had the lines itself. */
  readonly inputFile?: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** How long the files of its results are kept, in seconds. */
  readonly outputSeconds?: number | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly status: BatchStatus;
  /** When the batch got each status. */
  readonly at: Readonly<Partial<Record<BatchStatus, number>>>;
  /** Its window has passed: the lines that have no answer get none. */
  readonly isExpiring?: true | undefined;
  /** Its client has stopped it for a while. */
  readonly isPaused?: true | undefined;
  /** Number of lines, once they are checked. */
  readonly total: number;
  /** The model of all lines; undefined if they have different ones. */
  readonly model?: string | undefined;
  readonly problems: readonly BatchProblem[];
  /** The last counts and files, once the results are published. */
  readonly results?: BatchResults | undefined;
}

export interface BatchResults {
  readonly counts: LineCounts;
  readonly usage: BatchUsage;
  /** Ids of the files; undefined for a file without lines. */
  readonly outputFile?: string | undefined;
  readonly errorFile?: string | undefined;
}

/** Sums over the answers. */
export interface BatchUsage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

export type BatchInput =
  /** The envelopes of all lines are right. */
  | { readonly type: "checked"; readonly total: number; readonly model: string | undefined }
  | { readonly type: "refused"; readonly problems: readonly BatchProblem[] }
  /** Every line has an answer. */
  | { readonly type: "answered" }
  | { readonly type: "published"; readonly results: BatchResults }
  | { readonly type: "cancel" }
  | { readonly type: "expire" }
  | { readonly type: "pause"; readonly isPaused: boolean };

/** What the lane does after the record is on disk. */
export type BatchEffect =
  /** Give lines to the queue. */
  | "run"
  /** Take back the lines that the queue has. */
  | "stop"
  /** Write what became of the lines without an answer, and make the results files. */
  | "publish";

export interface BatchChange {
  readonly record: BatchRecord;
  readonly effects: readonly BatchEffect[];
}

/** @param at the time of the input */
export function reduceBatch(record: BatchRecord, input: BatchInput, at: number): BatchChange {
  const { status } = record;
  switch (input.type) {
    case "checked": {
      if (status !== "validating") return unchanged(record);
      const { total, model } = input;
      return enter({ ...record, total, model }, "in_progress", at, "run");
    }
    case "refused":
      if (status !== "validating") return unchanged(record);
      return enter({ ...record, problems: input.problems }, "failed", at);
    case "answered":
      return status === "in_progress" ? enter(record, "finalizing", at, "publish") : unchanged(record);
    case "published":
      return publish({ ...record, results: input.results }, at);
    case "cancel":
      if (status !== "validating" && status !== "in_progress") return unchanged(record);
      return enter(record, "cancelling", at, "stop", "publish");
    case "expire":
      if (status !== "validating" && status !== "in_progress") return unchanged(record);
      return { record: { ...record, isExpiring: true }, effects: ["stop", "publish"] };
    case "pause":
      if (status !== "validating" && status !== "in_progress") return unchanged(record);
      return {
        record: { ...record, isPaused: input.isPaused || undefined },
        effects: [input.isPaused ? "stop" : "run"],
      };
  }
}

function publish(record: BatchRecord, at: number): BatchChange {
  const { status, isExpiring } = record;
  if (status === "finalizing") return enter(record, "completed", at);
  if (status === "cancelling") return enter(record, "cancelled", at);
  return isExpiring === true && !batchHasEnded(record) ? enter(record, "expired", at) : unchanged(record);
}

function enter(record: BatchRecord, status: BatchStatus, at: number, ...effects: BatchEffect[]): BatchChange {
  return { record: { ...record, status, at: { ...record.at, [status]: at } }, effects };
}

/** What is left to do for a batch that an earlier process has left. */
export function resumeBatch({ status, isExpiring, isPaused }: BatchRecord): "check" | BatchEffect | undefined {
  if (batchHasEnded({ status })) return undefined;
  if (isExpiring === true || status === "finalizing" || status === "cancelling") return "publish";
  if (status === "validating") return "check";
  return isPaused === true ? undefined : "run";
}

export function batchHasEnded({ status }: Pick<BatchRecord, "status">): boolean {
  return status === "completed" || status === "failed" || status === "expired" || status === "cancelled";
}

function unchanged(record: BatchRecord): BatchChange {
  return { record, effects: [] };
}
