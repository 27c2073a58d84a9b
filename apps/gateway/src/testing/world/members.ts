// Owns the members of a simulated fleet: processes of gateways and workers that start, freeze, leave and die.
import { createGatewaySide, createWorkerSide, fleetVersion, newGatewayProcessId } from "@waggle/fleet";
import type { FleetModelFile } from "@waggle/fleet";
import { createMember, type FleetWorld, type SimulatedMember as Member } from "@waggle/fleet/testing";
import { WaggleError } from "@waggle/protocol";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createGatewayJobs, type GatewayJobs, type GatewayLimits } from "../../gateway-jobs.ts";
import { createSimulatedModel, type SimulatedModel } from "./model.ts";

export const modelName = "m";

export interface SimulatedMember extends Member {
  /** Leaves the fleet as at SIGTERM; resolves when the process ends. */
  stop(): Promise<void>;
}

export interface SimulatedGateway extends SimulatedMember {
  readonly jobs: GatewayJobs;
}

export interface SimulatedWorker extends SimulatedMember {
  readonly model: SimulatedModel;
  /** Number of the fleet's jobs on this worker. */
  readonly running: number;
  /** Number of jobs that its model has begun. */
  readonly jobs: number;
}

const log = createLogger({ level: "silent", format: "json", name: "world" });
const metrics = createWorkerMetrics({ ofNode: false });
/** As a daemon's `--drain-timeout`, which is short here. */
const drainMs = 5_000;
/** How long a member's last messages may take. */
const lastMs = 2_000;

const file = (name: string): FleetModelFile => ({
  modelSha256: name.padEnd(64, "0"),
  templateSha256: null,
  modelFile: name,
  vision: null,
});

/** @param serial counts the processes that the gateway has had */
export function startGateway(
  options: FleetWorld & { readonly limits: GatewayLimits },
  id: string,
  serial: number,
): SimulatedGateway {
  const member = createMember(options, `${id}.${serial}`, id);
  const { broker, process, chance } = member;
  const { clock } = process;
  const gatewayId = newGatewayProcessId(id, chance);
  const side = createGatewaySide({ broker, id: gatewayId, clock, chance, log });
  const jobs = createGatewayJobs({ config: options.limits, side, clock, chance, log, metrics, observers: [] });
  side.report(() => ({
    version: fleetVersion,
    kind: "gateway",
    id,
    url: `http://${id}`,
    startedAt: "2026-01-01T00:00:00.000Z",
    jobs: jobs.registry.liveCount,
  }));
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
  return {
    ...member,
    jobs,
    async stop() {
      await process
        .call(async () => {
          jobs.refuse();
          await Promise.race([jobs.idle(), wait(drainMs)]);
          jobs.abort();
          await Promise.race([jobs.stop(), wait(lastMs)]);
          await broker.close();
        })
        .catch(() => {});
      member.kill();
    },
  };
}

export interface WorkerSettings {
  readonly slots: number;
  readonly stepMs: number;
  readonly fileName: string;
}

export function startWorker(
  options: FleetWorld,
  id: string,
  serial: number,
  settings: WorkerSettings,
): SimulatedWorker {
  const member = createMember(options, `${id}.${serial}`, id);
  const { broker, process, chance } = member;
  const { clock } = process;
  const { slots, stepMs, fileName } = settings;
  const model = createSimulatedModel({ slots, stepMs, name: modelName, file: file(fileName), clock });
  const side = createWorkerSide({
    broker,
    clock,
    chance,
    log,
    port: {
      id,
      version: "0",
      member: () => ({
        kind: "worker",
        id,
        heartbeat: { worker_id: id } as never,
        models: [
          {
            ...file(fileName),
            name: modelName,
            aliases: [],
            isDefault: true,
            ready: true,
            slots,
            revision: 1,
          },
        ],
      }),
      models: () => [model],
      moved: () => {},
      answer: async ({ kind }) => {
        if (kind !== "preflight") throw new WaggleError("unavailable", "Not simulated.");
        return { kind, size: { promptTokens: 3, cachedTokens: 0 } };
      },
    },
  });
  model.onFree(side.refill);
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
  return {
    ...member,
    model,
    get running() {
      return side.running;
    },
    get jobs() {
      return model.begun;
    },
    async stop() {
      await process
        .call(async () => {
          await Promise.race([side.leave(), wait(drainMs)]);
          await Promise.race([model.idle(), wait(drainMs)]);
          model.close();
          await Promise.race([side.close(), wait(lastMs)]);
          await broker.close();
        })
        .catch(() => {});
      member.kill();
    },
  };
}
