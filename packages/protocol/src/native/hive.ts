// Owns the messages between worker and hive.
import { z } from "zod";
import { maxModelNameChars, ModelStateSchema } from "./models.ts";
import { WorkerLoadSchema } from "./worker-load.ts";
import { BackendNameSchema, WorkerStateSchema } from "./worker.ts";

/** A worker counts as gone after this many missed heartbeats in a row. */
const missedUntilGone = 3;
/** Share of the interval by which a heartbeat may be late: workers spread their heartbeats, and networks delay them. */
const graceShare = 0.3;
const leastGraceMs = 500;

const graceMs = (intervalMs: number): number => Math.max(leastGraceMs, graceShare * intervalMs);

/** Milliseconds after the last heartbeat until a worker is stale: one heartbeat is missing. */
export function staleAfterMs(intervalMs: number): number {
  return intervalMs + graceMs(intervalMs);
}

/** Milliseconds after the last heartbeat until a worker is gone: three heartbeats are missing. With one every 5 s, this is 16.5 s. */
export function goneAfterMs(intervalMs: number): number {
  return missedUntilGone * intervalMs + graceMs(intervalMs);
}

/** How long a gone worker stays in the list, unless an operator removes it. */
export const goneKeptMs = 86_400_000;

export const WorkerIdSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9._:-]+$/, "only letters, digits and . _ : - are allowed");

/** Pages show the URL as a link, so only web addresses are allowed, never a scheme that a browser would execute. */
const WorkerUrlSchema = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .max(2_048)
  .refine((url) => !hasCredentials(url), "must not hold a user name or a password");

function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username !== "" || password !== "";
}

/** A worker with more models omits the rest, since the hive's snapshot contains the list of every worker. */
export const heartbeatModelsLimit = 32;

export const HiveCommandSchema = z
  .enum(["drain"])
  .describe("drain: take no new jobs, finish the running ones, and exit, as on SIGTERM.");
export type HiveCommand = z.infer<typeof HiveCommandSchema>;

const workerShape = {
  url: WorkerUrlSchema,
  model: z.string().max(256),
  state: WorkerStateSchema,
  backend: BackendNameSchema.optional(),
  slots: z.object({ total: z.int().nonnegative(), busy: z.int().nonnegative() }),
  queue: z.object({ depth: z.int().nonnegative(), capacity: z.int().nonnegative() }),
  version: z.string().max(64),
  models: z
    .array(z.object({ name: z.string().min(1).max(maxModelNameChars), state: ModelStateSchema }))
    .max(heartbeatModelsLimit)
    .optional()
    .describe("The models that the worker serves, if more than one; at most 32 are listed."),
  obeys: z
    .array(HiveCommandSchema)
    .max(8)
    .optional()
    .describe("Commands that the worker accepts from the hive; absent: none."),
};

/** `PUT /v1/workers/:id`. */
export const RegistrationSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    interval_ms: z.int().min(50).max(3_600_000).describe("How often this worker will send heartbeats."),
  })
  .meta({ id: "Registration" });
export type Registration = z.infer<typeof RegistrationSchema>;

/** `POST /v1/heartbeat`. */
export const HeartbeatSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    timestamp: z.iso.datetime(),
    health_status: z.enum(["healthy", "degraded", "unhealthy"]),
    seq: z.int().nonnegative().describe("Number of the heartbeat since the worker process started, from 0."),
    tokens_per_second: z.number().nonnegative().optional().describe("Generation speed since the last heartbeat."),
    load: WorkerLoadSchema.optional(),
  })
  .meta({ id: "Heartbeat" });
export type Heartbeat = z.infer<typeof HeartbeatSchema>;

/** What the hive answers to a heartbeat. */
export const HeartbeatAnswerSchema = z
  .object({
    command: HiveCommandSchema.optional().describe(
      "An operator's command, repeated until the worker has carried it out.",
    ),
  })
  .meta({ id: "HeartbeatAnswer" });
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswerSchema>;

export const LivenessStateSchema = z
  .enum(["alive", "stale", "gone"])
  .describe("stale: one heartbeat is missing; gone: three are.");
export type LivenessState = z.infer<typeof LivenessStateSchema>;

export const HiveWorkerSchema = z
  .object({
    ...workerShape,
    worker_id: WorkerIdSchema,
    source: z
      .literal("nats")
      .optional()
      .describe("nats if the hive knows the worker from a fleet on NATS; absent if the worker registers here."),
    interval_ms: z.int(),
    liveness: LivenessStateSchema,
    registered_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime().describe("Time of the last heartbeat or registration."),
    heartbeats: z.int().nonnegative(),
    last_heartbeat: HeartbeatSchema.optional(),
    command: HiveCommandSchema.optional().describe("An operator's command that the worker has not begun yet."),
  })
  .meta({ id: "HiveWorker" });
export type HiveWorker = z.infer<typeof HiveWorkerSchema>;

export const HiveWorkersSchema = z.object({ workers: z.array(HiveWorkerSchema) }).meta({ id: "HiveWorkers" });
export const HeartbeatsSchema = z.object({ heartbeats: z.array(HeartbeatSchema) }).meta({ id: "Heartbeats" });

export const HiveGatewaySchema = z
  .object({
    gateway_id: WorkerIdSchema,
    url: WorkerUrlSchema,
    started_at: z.iso.datetime(),
    jobs: z.int().nonnegative().describe("Jobs of the gateway's clients that have not ended."),
    waiting: z
      .int()
      .nonnegative()
      .optional()
      .describe("Jobs of these that wait for a slot; absent if the gateway does not report it."),
  })
  .meta({ id: "HiveGateway" });
export type HiveGateway = z.infer<typeof HiveGatewaySchema>;

/** Limit of listed gateways, since one event contains the whole list. */
export const hiveGatewaysLimit = 100;

export const HiveFleetSchema = z
  .object({
    connected: z.boolean().describe("Whether NATS answers. While it does not, the data about the fleet is old."),
    gateways: z.array(HiveGatewaySchema).max(hiveGatewaysLimit),
  })
  .meta({ id: "HiveFleet" });
export type HiveFleet = z.infer<typeof HiveFleetSchema>;

/** The events of `GET /v1/heartbeats/stream`. */
export const HiveEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("snapshot"),
      at: z.iso.datetime(),
      workers: z.array(HiveWorkerSchema),
      fleet: HiveFleetSchema.optional().describe("Absent if the hive watches no fleet."),
      faults: z.boolean().optional().describe("Whether the hive was started with --faults, so that faults can be set."),
    }),
    z.object({ type: z.literal("fleet"), at: z.iso.datetime(), fleet: HiveFleetSchema }),
    z.object({ type: z.literal("registered"), at: z.iso.datetime(), worker: HiveWorkerSchema }),
    z.object({ type: z.literal("heartbeat"), at: z.iso.datetime(), heartbeat: HeartbeatSchema }),
    z.object({
      type: z.literal("liveness"),
      at: z.iso.datetime(),
      worker_id: z.string(),
      liveness: LivenessStateSchema,
      was: LivenessStateSchema,
    }),
    z.object({
      type: z.literal("command"),
      at: z.iso.datetime(),
      worker_id: z.string(),
      command: HiveCommandSchema,
    }),
    z.object({ type: z.literal("deregistered"), at: z.iso.datetime(), worker_id: z.string() }),
    z.object({ type: z.literal("removed"), at: z.iso.datetime(), worker_id: z.string() }),
    z.object({ type: z.literal("forgotten"), at: z.iso.datetime(), worker_id: z.string() }),
  ])
  .meta({ id: "HiveEvent" });
export type HiveEvent = z.infer<typeof HiveEventSchema>;

/**
 * `PUT /v1/faults`: what a hive that was started with `--faults` does to workers' requests from now on. `refuse` destroys the connection before reading, `drop`
 * reads the request and never answers until the client gives up, `delay` waits `delay_ms` first, `500` answers with an internal error,
 * `forget` empties the registry once (each worker's next heartbeat gets 404) and then works normally.
 */
export const FaultSchema = z
  .strictObject({
    fault: z.enum(["none", "refuse", "delay", "drop", "500", "forget"]),
    delay_ms: z.int().min(0).max(600_000).optional(),
    count: z.int().min(1).optional().describe("End the fault after this many requests; default: until changed."),
  })
  .meta({ id: "Fault" });
export type Fault = z.infer<typeof FaultSchema>;
