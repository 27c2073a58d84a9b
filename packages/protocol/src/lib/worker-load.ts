// Owns what a worker says in a heartbeat of its work and its machine, for whoever operates it. Every list is bounded, since each worker's
// last heartbeat stands in the hive's snapshot.
import { z } from "zod";

/** A worker with more clients tells of those that used most tokens. */
export const heartbeatClientsLimit = 32;

const count = z.int().nonnegative();

const LatencySchema = z.object({
  p50_ms: z.number().nonnegative(),
  p95_ms: z.number().nonnegative(),
  count: count.describe("How many were measured."),
});

export const WorkerLoadSchema = z
  .object({
    started_at: z.iso.datetime().describe("When the worker's process began. Counts are since then."),
    requests: z
      .object({ accepted: count, refused: count })
      .describe("Requests for a job; of a fleet, the jobs that it gave this worker."),
    jobs: z.object({ finished: count, failed: count, cancelled: count }).describe("Accepted jobs that have ended."),
    engine: z.object({ starts: count, deaths: count }).describe("Engine processes."),
    tokens: count.describe("Generated."),
    ttft: LatencySchema.optional().describe(
      "Time to first token, of those since the last heartbeat; absent when there was none.",
    ),
    itl: LatencySchema.optional().describe("Inter-token latency, likewise."),
    cpu: z.object({
      cores: count.describe("Of the machine."),
      busy: z.number().min(0).max(1).describe("Busy share of them since the last heartbeat, whoever uses them."),
    }),
    memory: z.object({
      worker_bytes: count.describe("Resident memory of the worker's process."),
      engine_bytes: count.describe("The same of its engines' processes, models included."),
      free_bytes: count.describe("What the machine has left for programs."),
      total_bytes: count,
    }),
    gpu: z
      .object({ name: z.string().max(256), used_bytes: count, total_bytes: count })
      .optional()
      .describe("The GPUs that the engines compute on, as one; used: by all programs. Absent without any."),
    clients: z
      .array(
        z.object({
          client: z.string().max(64).describe("The name of the API token, never the token."),
          requests: count,
          prompt_tokens: count,
          completion_tokens: count,
        }),
      )
      .max(heartbeatClientsLimit)
      .optional(),
  })
  .meta({ id: "WorkerLoad" });
export type WorkerLoad = z.infer<typeof WorkerLoadSchema>;
