// Owns what is said about a job outside its stream.
import { z } from "zod";
import { CancelledBySchema, FinishReasonSchema, TimingsSchema, UsageSchema } from "./events.ts";
import { ErrorCodeSchema } from "./errors.ts";

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

export const SessionCancelledSchema = z
  .object({
    session_id: z.string(),
    cancelled: z.boolean().describe("Whether there was anything to cancel."),
    job_id: z.string().optional(),
  })
  .meta({ id: "SessionCancelled" });
export type SessionCancelled = z.infer<typeof SessionCancelledSchema>;
