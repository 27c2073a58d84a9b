// Owns what is said about a job outside its stream.
import { z } from "zod";
import { CancelledBySchema, FinishReasonSchema, TimingsSchema, UsageSchema } from "./events.ts";
import { ErrorCodeSchema } from "./errors.ts";
import { ModelKindSchema } from "./worker.ts";

export const JobStateSchema = z.enum(["queued", "prefill", "decode", "finished", "failed", "cancelled"]);
export type JobStateName = z.infer<typeof JobStateSchema>;

export const JobAcceptedSchema = z
  .object({
    job_id: z.string(),
    sse_url: z.string().describe("Absolute path of the job's stream."),
    state: JobStateSchema,
    position: z.int().nonnegative().describe("1 is next, 0 is running."),
  })
  .meta({ id: "JobAccepted" });
export type JobAccepted = z.infer<typeof JobAcceptedSchema>;

export const JobStatusSchema = z
  .object({
    job_id: z.string(),
    session_id: z.string().optional(),
    state: JobStateSchema,
    position: z.int().nonnegative().optional().describe("While it waits or runs."),
    tokens: z.int().nonnegative().describe("Token events so far."),
    finish_reason: FinishReasonSchema.optional(),
    cancelled_by: CancelledBySchema.optional(),
    error: z.object({ code: ErrorCodeSchema, message: z.string() }).optional(),
    usage: UsageSchema.optional().describe("Once it has ended."),
    timings: TimingsSchema.optional().describe("Once it has ended."),
  })
  .meta({ id: "JobStatus" });
export type JobStatus = z.infer<typeof JobStatusSchema>;

/** `GET /v1/jobs` tells of so many at most. */
export const jobListLimit = 500;

export const ListedJobSchema = z
  .object({
    job_id: z.string(),
    client: z.string().describe("The name of the API token that brought it; local in local mode."),
    session_id: z.string().optional(),
    kind: ModelKindSchema,
    model: z.string(),
    state: JobStateSchema.extract(["queued", "prefill", "decode"]),
    position: z.int().nonnegative().describe("1 is next for its model, 0 is running."),
    prompt_tokens: z.int().nonnegative().optional().describe("Once the engine has counted them."),
    tokens: z.int().nonnegative().describe("Token events so far."),
    tokens_per_second: z.number().nonnegative().optional().describe("Since its first token; from the second one on."),
    age_ms: z.number().nonnegative().describe("Since it was accepted."),
    running_ms: z.number().nonnegative().optional().describe("Since it had a slot for the first time."),
  })
  .meta({ id: "ListedJob" });
export type ListedJob = z.infer<typeof ListedJobSchema>;

export const JobListSchema = z
  .object({
    jobs: z.array(ListedJobSchema).describe("Those that run first, then those that wait, in the order of their turns."),
    total: z.int().nonnegative().describe("How many there are; more than 500 are not told one by one."),
    of: z.enum(["all", "own"]).describe("own: only your own, the API token is marked neither admin nor monitor."),
  })
  .meta({ id: "JobList" });
export type JobList = z.infer<typeof JobListSchema>;

export const SessionCancelledSchema = z
  .object({
    session_id: z.string(),
    cancelled: z.boolean().describe("Whether there was anything to cancel."),
    job_id: z.string().optional(),
  })
  .meta({ id: "SessionCancelled" });
export type SessionCancelled = z.infer<typeof SessionCancelledSchema>;
