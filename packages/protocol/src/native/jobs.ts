// Owns the schemas of a job outside its stream.
import { z } from "zod";
import {
  CancelledBySchema,
  FinishReasonSchema,
  TimingsSchema,
  UsageSchema,
  stepField,
  toolCallShape,
} from "./events.ts";
import { ErrorCodeSchema } from "../error-body.ts";
import { ModelKindSchema } from "./worker.ts";

export const JobStateSchema = z
  .enum(["queued", "prefill", "decode", "calling", "finished", "failed", "cancelled"])
  .describe("calling: the job waits for results of MCP calls, or for consent to them; it has no slot.");
export type JobStateName = z.infer<typeof JobStateSchema>;

export const JobAcceptedSchema = z
  .object({
    job_id: z.string(),
    sse_url: z.string().describe("Absolute path of the job's stream."),
    state: JobStateSchema,
    position: z.int().nonnegative().describe("Position in the queue: 1 is next, 0 is running."),
  })
  .meta({ id: "JobAccepted" });
export type JobAccepted = z.infer<typeof JobAcceptedSchema>;

const callingShape = {
  step: stepField,
  call: z
    .object(toolCallShape)
    .meta({ id: "JobCall" })
    .optional()
    .describe("The first MCP call without a result; present while the state is calling."),
};

export const JobStatusSchema = z
  .object({
    job_id: z.string(),
    session_id: z.string().optional(),
    state: JobStateSchema,
    ...callingShape,
    position: z
      .int()
      .nonnegative()
      .optional()
      .describe("Position in the queue; 0 while the job runs, absent after its end."),
    tokens: z.int().nonnegative().describe("Number of token events so far."),
    finish_reason: FinishReasonSchema.optional(),
    cancelled_by: CancelledBySchema.optional(),
    error: z.object({ code: ErrorCodeSchema, message: z.string() }).optional(),
    usage: UsageSchema.optional().describe("Present once the job has ended."),
    timings: TimingsSchema.optional().describe("Present once the job has ended."),
  })
  .meta({ id: "JobStatus" });
export type JobStatus = z.infer<typeof JobStatusSchema>;

/** Maximum number of jobs in `GET /v1/jobs`. */
export const jobListLimit = 500;

export const ListedJobSchema = z
  .object({
    job_id: z.string(),
    client: z.string().describe("Name of the API token that submitted the job; local in local mode."),
    session_id: z.string().optional(),
    kind: ModelKindSchema,
    model: z.string(),
    state: JobStateSchema.extract(["queued", "prefill", "decode", "calling"]),
    ...callingShape,
    position: z.int().nonnegative().describe("Position in the model's queue: 1 is next, 0 is running."),
    prompt_tokens: z
      .int()
      .nonnegative()
      .optional()
      .describe("Number of prompt tokens; present once the engine has counted the tokens."),
    tokens: z.int().nonnegative().describe("Number of token events so far."),
    tokens_per_second: z
      .number()
      .nonnegative()
      .optional()
      .describe("Tokens per second since the job's first token; present from the second token on."),
    age_ms: z.number().nonnegative().describe("Milliseconds since the job was accepted."),
    running_ms: z.number().nonnegative().optional().describe("Milliseconds since the job first got a slot."),
  })
  .meta({ id: "ListedJob" });
export type ListedJob = z.infer<typeof ListedJobSchema>;

/** Maximum number of ended jobs that are kept in memory, and listed in `GET /v1/jobs?ended`. */
export const endedJobsLimit = 200;
/** Maximum number of ended jobs of a time, a job or a client. */
export const endedQueryLimit = 2_000;

const milliseconds = z.number().nonnegative();

export const EndedJobSchema = z
  .object({
    job_id: z.string(),
    client: z.string(),
    session_id: z.string().optional(),
    kind: ModelKindSchema,
    model: z.string(),
    state: JobStateSchema.extract(["finished", "failed", "cancelled"]),
    reason: z.string().describe("The finish reason, the error code, or what cancelled the job."),
    ended_at: z.iso.datetime(),
    prompt_tokens: z.int().nonnegative(),
    cached_tokens: z.int().nonnegative().describe("Prompt tokens found in a KV cache."),
    tokens: z.int().nonnegative().describe("Generated tokens."),
    steps: z.int().positive().optional().describe("Number of computed messages; present for jobs with MCP tools."),
    calls: z.int().nonnegative().optional().describe("Number of MCP calls; present for jobs with MCP tools."),
    waiting_ms: milliseconds.describe("Time from the job's acceptance to its slot."),
    reading_ms: milliseconds.describe("Time from the slot to the first token: the engine reads the prompt."),
    writing_ms: milliseconds.describe("Time from the first token to the end."),
  })
  .meta({ id: "EndedJob" });
export type EndedJob = z.infer<typeof EndedJobSchema>;

export const JobListSchema = z
  .object({
    jobs: z.array(ListedJobSchema).describe("Running jobs first, then waiting jobs in queue order."),
    total: z.int().nonnegative().describe("Number of all jobs; the list has at most 500."),
    ended: z
      .array(EndedJobSchema)
      .optional()
      .describe("The last ended jobs, newest first, with the parts of their time; present with ?ended."),
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
    job_id: z.string().optional(),
  })
  .meta({ id: "SessionCancelled" });
export type SessionCancelled = z.infer<typeof SessionCancelledSchema>;
