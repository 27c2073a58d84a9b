// Owns the schemas of a job outside its stream.
import { optional, z } from "zod";
import {
  CancelledBySchema,
  FinishReasonSchema,
  TimingsSchema,
  UsageSchema,
  stepField,
  toolCallShape,
} from "./events.ts";
import { ErrorCodeSchema } from "../error-body.ts";
import { JobKindSchema } from "./worker.ts";
import { amount, count, positive, time } from "../fields/values.ts";

export const JobStateSchema = z
  .enum(["queued", "prefill", "decode", "calling", "finished", "failed", "cancelled"])
  .describe("calling: the job waits for results of MCP calls, or for consent to them; it has no slot.");
export type JobStateName = z.infer<typeof JobStateSchema>;

export const JobAcceptedSchema = z
  .object({
    job_id: z.string(),
    sse_url: z.string().describe("Absolute path of the job's stream."),
    state: JobStateSchema,
    position: count.describe("Position in the queue: 1 is next, 0 is running."),
  })
  .meta({ id: "JobAccepted" });
export type JobAccepted = z.infer<typeof JobAcceptedSchema>;

const streamId = optional(z.string()).describe(
  "The client's id of the job; present at a worker for jobs of a fleet, whose job_id differs for each attempt.",
);

const callingShape = {
  step: stepField,
  call: optional(z.object(toolCallShape).meta({ id: "JobCall" })).describe(
    "The first MCP call without a result; present while the state is calling.",
  ),
};

export const JobStatusSchema = z
  .object({
    job_id: z.string(),
    session_id: optional(z.string()),
    state: JobStateSchema,
    ...callingShape,
    position: optional(count).describe("Position in the queue; 0 while the job runs, absent after its end."),
    tokens: count.describe("Number of token events so far."),
    finish_reason: optional(FinishReasonSchema),
    cancelled_by: optional(CancelledBySchema),
    error: optional(z.object({ code: ErrorCodeSchema, message: z.string() })),
    usage: optional(UsageSchema).describe("Present once the job has ended."),
    timings: optional(TimingsSchema).describe("Present once the job has ended."),
  })
  .meta({ id: "JobStatus" });
export type JobStatus = z.infer<typeof JobStatusSchema>;

/** Maximum number of jobs in `GET /v1/jobs`. */
export const jobListLimit = 500;

export const ListedJobSchema = z
  .object({
    job_id: z.string(),
    stream_id: streamId,
    client: z.string().describe("Name of the API token that submitted the job; local in local mode."),
    session_id: optional(z.string()),
    kind: JobKindSchema,
    model: z.string(),
    state: JobStateSchema.extract(["queued", "prefill", "decode", "calling"]),
    ...callingShape,
    worker: optional(z.string()).describe("At a gateway: the id of the worker that runs the job, or ran it last."),
    position: count.describe("Position in the model's queue: 1 is next, 0 is running."),
    prompt_tokens: optional(count).describe("Number of prompt tokens; present once the engine has counted the tokens."),
    tokens: count.describe("Number of token events so far."),
    tokens_per_second: optional(amount).describe(
      "Tokens per second since the job's first token; present from the second token on.",
    ),
    age_ms: amount.describe("Milliseconds since the job was accepted."),
    running_ms: optional(amount).describe("Milliseconds since the job first got a slot."),
  })
  .meta({ id: "ListedJob" });
export type ListedJob = z.infer<typeof ListedJobSchema>;

/** Maximum number of ended jobs that are kept in memory, and listed in `GET /v1/jobs?ended`. */
export const endedJobsLimit = 200;
/** Maximum number of ended jobs of a time, a job or a client. */
export const endedQueryLimit = 2_000;

export const EndedJobSchema = z
  .object({
    job_id: z.string(),
    stream_id: streamId,
    client: z.string(),
    session_id: optional(z.string()),
    kind: JobKindSchema,
    model: z.string(),
    state: JobStateSchema.extract(["finished", "failed", "cancelled"]),
    reason: z.string().describe("The finish reason, the error code, or what cancelled the job."),
    ended_at: time,
    prompt_tokens: count,
    cached_tokens: count.describe("Prompt tokens found in a KV cache."),
    tokens: count.describe("Generated tokens."),
    steps: optional(positive).describe("Number of computed messages; present for jobs with MCP tools."),
    calls: optional(count).describe("Number of MCP calls; present for jobs with MCP tools."),
    waiting_ms: amount.describe("Time from the job's acceptance to its slot."),
    reading_ms: amount.describe("Time from the slot to the first token: the engine reads the prompt."),
    writing_ms: amount.describe("Time from the first token to the end."),
  })
  .meta({ id: "EndedJob" });
export type EndedJob = z.infer<typeof EndedJobSchema>;

export const JobListSchema = z
  .object({
    jobs: z.array(ListedJobSchema).describe("Running jobs first, then waiting jobs in queue order."),
    total: count.describe("Number of all jobs; the list has at most 500."),
    ended: optional(z.array(EndedJobSchema)).describe(
      "The last ended jobs, newest first, with the parts of their time; present with ?ended.",
    ),
    of: z
      .enum(["all", "own"])
      .describe("own: the list has only your own jobs, since the API token has neither the right admin nor monitor."),
  })
  .meta({ id: "JobList" });
export type JobList = z.infer<typeof JobListSchema>;

export const SessionCancelledSchema = z
  .object({
    session_id: z.string(),
    cancelled: z.boolean().describe("Whether the session had a job, which is now cancelled."),
    job_id: optional(z.string()),
  })
  .meta({ id: "SessionCancelled" });
export type SessionCancelled = z.infer<typeof SessionCancelledSchema>;
