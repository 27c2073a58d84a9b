// Owns the messages between worker and hive.
import { optional, z } from "zod";
import { maxModelNameChars, ModelStateSchema } from "./models.ts";
import { BackendNameSchema, WorkerStateSchema } from "./worker.ts";
import { amount, count, time } from "../fields/values.ts";

/** Number of consecutive missed heartbeats after which a worker is gone. */
const missedUntilGone = 3;
/** A heartbeat may be late by this share of the interval: workers vary the times of heartbeats, and networks delay them. */
const graceShare = 0.3;
const leastGraceMs = 500;

const graceMs = (intervalMs: number): number => Math.max(leastGraceMs, graceShare * intervalMs);

/** Milliseconds after the last heartbeat until a worker is stale: one heartbeat is missing. */
export function staleAfterMs(intervalMs: number): number {
  return intervalMs + graceMs(intervalMs);
}

/** Milliseconds after the last heartbeat until a worker is gone: three heartbeats are missing. For an interval of 5 s, this is 16.5 s. */
export function goneAfterMs(intervalMs: number): number {
  return missedUntilGone * intervalMs + graceMs(intervalMs);
}

/** How long a gone worker stays in the list, unless an operator removes the worker. */
export const goneKeptMs = 86_400_000;

export const WorkerIdSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9._:-]+$/, "only letters, digits and . _ : - are allowed");

/** Pages show the URL as a link, so a scheme that a browser executes (`javascript:`) must not pass. */
const WorkerUrlSchema = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(2_048)
  .refine((url) => !hasCredentials(url), "must not hold a user name or a password");

function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username !== "" || password !== "";
}

/** Limit for the models in a heartbeat; further models are left out, since the hive's snapshot contains the lists of all workers. */
export const heartbeatModelsLimit = 32;

export const HiveCommandSchema = z
  .enum(["drain"])
  .describe("drain: accept no new jobs, finish the running jobs, and exit, as on SIGTERM.");
export type HiveCommand = z.infer<typeof HiveCommandSchema>;

const workerShape = {
  url: WorkerUrlSchema,
  model: z.string().max(256),
  state: WorkerStateSchema,
  backend: optional(BackendNameSchema),
  slots: z.object({ total: count, busy: count }),
  queue: z.object({ depth: count, capacity: count }),
  version: z.string().max(64),
  models: optional(
    z
      .array(z.object({ name: z.string().min(1).max(maxModelNameChars), state: ModelStateSchema }))
      .max(heartbeatModelsLimit),
  ).describe("The worker's models, if there are several; at most 32 are listed."),
  obeys: optional(z.array(HiveCommandSchema).max(8)).describe(
    "Commands that the worker accepts from the hive; absent if it accepts no commands.",
  ),
};

export const RegistrationSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    interval_ms: z.int().min(50).max(3_600_000).describe("Milliseconds between heartbeats of this worker."),
  })
  .meta({ id: "Registration" });
export type Registration = z.infer<typeof RegistrationSchema>;

export const HeartbeatSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    timestamp: time,
    health_status: z.enum(["healthy", "degraded", "unhealthy"]),
    seq: count.describe("Number of the heartbeat, counted from 0 at the start of the worker process."),
    tokens_per_second: optional(amount).describe("Generated tokens per second since the last heartbeat."),
  })
  .meta({ id: "Heartbeat" });
export type Heartbeat = z.infer<typeof HeartbeatSchema>;

export const HeartbeatAnswerSchema = z
  .object({
    command: optional(HiveCommandSchema).describe(
      "An operator's command, repeated until the worker has executed the command.",
    ),
  })
  .meta({ id: "HeartbeatAnswer" });
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswerSchema>;

export const LivenessStateSchema = z
  .enum(["alive", "stale", "gone"])
  .describe("stale: one heartbeat is missing. gone: three heartbeats are missing.");
export type LivenessState = z.infer<typeof LivenessStateSchema>;

export const HiveWorkerSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    source: optional(z.literal("nats")).describe(
      "nats if the worker belongs to a fleet on NATS; absent if the worker registers at the hive.",
    ),
    interval_ms: z.int(),
    liveness: LivenessStateSchema,
    registered_at: time,
    last_seen_at: time.describe("Time of the last heartbeat or registration."),
    heartbeats: count,
    last_heartbeat: optional(HeartbeatSchema),
    command: optional(HiveCommandSchema).describe("An operator's command that the worker has not started yet."),
  })
  .meta({ id: "HiveWorker" });
export type HiveWorker = z.infer<typeof HiveWorkerSchema>;

export const HiveWorkersSchema = z.object({ workers: z.array(HiveWorkerSchema) }).meta({ id: "HiveWorkers" });

export const HiveGatewaySchema = z
  .object({
    gateway_id: WorkerIdSchema,
    url: WorkerUrlSchema,
    started_at: time,
    jobs: count.describe("Number of unfinished jobs of the gateway's clients."),
    waiting: optional(count).describe(
      "Number of unfinished jobs that wait for a slot; absent if the gateway does not report the number.",
    ),
  })
  .meta({ id: "HiveGateway" });
export type HiveGateway = z.infer<typeof HiveGatewaySchema>;

/** Maximum number of listed gateways, since one event contains the whole list. */
export const hiveGatewaysLimit = 100;

export const HiveFleetSchema = z
  .object({
    connected: z.boolean().describe("Whether NATS answers. If not, the data about the fleet is outdated."),
    gateways: z.array(HiveGatewaySchema).max(hiveGatewaysLimit),
  })
  .meta({ id: "HiveFleet" });
export type HiveFleet = z.infer<typeof HiveFleetSchema>;

export const HiveEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("snapshot"),
      at: time,
      workers: z.array(HiveWorkerSchema),
      fleet: optional(HiveFleetSchema).describe("The fleet and its gateways; absent if the hive watches no fleet."),
    }),
    z.object({ type: z.literal("fleet"), at: time, fleet: HiveFleetSchema }),
    z.object({ type: z.literal("registered"), at: time, worker: HiveWorkerSchema }),
    z.object({ type: z.literal("heartbeat"), at: time, heartbeat: HeartbeatSchema }),
    z.object({
      type: z.literal("liveness"),
      at: time,
      worker_id: z.string(),
      liveness: LivenessStateSchema,
      was: LivenessStateSchema,
    }),
    z.object({
      type: z.literal("command"),
      at: time,
      worker_id: z.string(),
      command: HiveCommandSchema,
    }),
    z.object({ type: z.literal("deregistered"), at: time, worker_id: z.string() }),
    z.object({ type: z.literal("removed"), at: time, worker_id: z.string() }),
    z.object({ type: z.literal("forgotten"), at: time, worker_id: z.string() }),
  ])
  .meta({ id: "HiveEvent" });
export type HiveEvent = z.infer<typeof HiveEventSchema>;

/**
 * `PUT /v1/faults`: the fault that a hive with `--faults` applies to workers' requests. `refuse` destroys the connection before reading. `drop` reads
 * the request and sends no answer. `delay` waits `delay_ms` first. `500` answers with an internal error. `forget` empties the registry once: the next
 * heartbeat of each worker gets 404, then the hive works normally.
 */
export const FaultSchema = z
  .strictObject({
    fault: z.enum(["none", "refuse", "delay", "drop", "500", "forget"]),
    delay_ms: optional(z.int().min(0).max(600_000)),
    count: optional(z.int().min(1)).describe(
      "Number of requests to which the fault applies. Default: all requests until the fault is changed.",
    ),
  })
  .meta({ id: "Fault" });
export type Fault = z.infer<typeof FaultSchema>;
