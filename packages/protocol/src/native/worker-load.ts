// Owns the part of a heartbeat that reports the worker's load and machine to operators. Every list is bounded, since the hive's snapshot
// contains the last heartbeat of each worker.
import { optional, z } from "zod";
import { LatencySchema } from "./latency.ts";
import { count, share, time } from "../fields/values.ts";

/** Limit for the clients in a heartbeat. A worker with more clients reports the clients that used the most tokens. */
export const heartbeatClientsLimit = 32;

export const WorkerLoadSchema = z
  .object({
    started_at: time.describe("Time of the worker process's start, from which all counts begin."),
    requests: z
      .object({ accepted: count, refused: count })
      .describe("Requests that ask for a job; in a fleet, the jobs that gateways sent to this worker."),
    jobs: z.object({ finished: count, failed: count, cancelled: count }).describe("Accepted jobs that have ended."),
    engine: z.object({ starts: count, deaths: count }).describe("Starts and deaths of engine processes."),
    tokens: count.describe("Generated tokens."),
    ttft: optional(LatencySchema).describe(
      "Time to first token of the jobs since the last heartbeat; absent without jobs.",
    ),
    itl: optional(LatencySchema).describe("Inter-token latency since the last heartbeat; absent without tokens."),
    cpu: z.object({
      cores: count.describe("CPU cores of the machine."),
      busy: share.describe("Share of the time of all cores that all processes used since the last heartbeat."),
    }),
    memory: z.object({
      worker_bytes: count.describe("Resident memory of the worker's process."),
      engine_bytes: count.describe("Resident memory of the worker's engine processes, models included."),
      free_bytes: count.describe("Memory of the machine that is still available."),
      total_bytes: count,
    }),
    gpu: optional(z.object({ name: z.string().max(256), used_bytes: count, total_bytes: count })).describe(
      "Memory of the GPUs that the engines use, added up. used_bytes counts all programs. Absent without a GPU.",
    ),
    clients: optional(
      z
        .array(
          z.object({
            client: z.string().max(64).describe("Name of the API token, never the token."),
            requests: count,
            prompt_tokens: count,
            completion_tokens: count,
          }),
        )
        .max(heartbeatClientsLimit),
    ),
  })
  .meta({ id: "WorkerLoad" });
export type WorkerLoad = z.infer<typeof WorkerLoadSchema>;
