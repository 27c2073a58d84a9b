// Owns a fleet on one machine: nats-server, workers that keep their names after a restart, and gateways.
import { startGateway, type Gateway } from "./gateway.ts";
import { startNats, type NatsServer } from "./nats.ts";
import { killGroup, signalGroup, type ProcessGroups } from "./process-group.ts";
import { poll } from "../wait.ts";
import { startWorker, type Worker } from "./worker.ts";

export interface WorkerPlan {
  readonly name: string;
  readonly slots: number;
  /** Duration of a step of the fake backend. When undefined, the worker runs the embedded model on one thread. */
  readonly stepMs?: number;
  /** Whether the fake backend reads pictures; default false. */
  readonly readsPictures?: boolean;
}

export const fleetModel = "waggle-fake";
/** Flags of a worker that runs the embedded model and shares the machine with other workers. */
export const embeddedModel = ["--threads", "1"];

/** Limits above the load of any scenario. */
const roomy = ["--queue-capacity", "4096", "--client-queue-share", "1", "--max-streams-per-client", "4096"];

export function gatewayFlags(nats: Pick<NatsServer, "url">, name: string): readonly string[] {
  return ["--nats-url", nats.url, "--gateway-id", name, ...roomy];
}

export interface FleetWorker {
  readonly name: string;
  /** The worker of the last start. */
  readonly worker: Worker;
  /** Whether the worker was killed and its successor is not ready yet. */
  readonly starting: boolean;
  /** Sends SIGKILL to the worker and its engine; resolves after the worker's exit. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Sends SIGSTOP to the worker and its engine, as if their machine went to sleep. */
  freeze(): void;
  wake(): void;
}

export interface FleetStage extends AsyncDisposable {
  readonly nats: NatsServer;
  readonly workers: readonly FleetWorker[];
  readonly gateways: readonly Gateway[];
  /** Resolves when each gateway is ready and counts the slots of all workers. */
  complete(): Promise<void>;
}

export async function startFleet(
  groups: ProcessGroups,
  plan: {
    readonly workers: readonly WorkerPlan[];
    readonly gateways: number;
    /** More flags for each worker. */
    readonly workerFlags?: readonly string[];
  },
): Promise<FleetStage> {
  const nats = await startNats(groups);
  const workers = await Promise.all(plan.workers.map((one) => startOne(groups, nats, one, plan.workerFlags ?? [])));
  const gateways = await Promise.all(
    Array.from({ length: plan.gateways }, (_, i) =>
      startGateway(groups, { flags: gatewayFlags(nats, `gate-${i + 1}`) }),
    ),
  );
  const slots = plan.workers.reduce((sum, one) => sum + one.slots, 0);
  return {
    nats,
    workers,
    gateways,
    async complete() {
      for (const gateway of gateways) {
        await poll(
          "the gateway to know all workers",
          async () => {
            const health = await gateway.client.health();
            return health.ready && health.slots.total === slots;
          },
          60_000,
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([
        ...gateways.map((gateway) => gateway[Symbol.asyncDispose]()),
        ...workers.map(({ worker }) => worker[Symbol.asyncDispose]()),
      ]);
      await nats[Symbol.asyncDispose]();
    },
  };
}

async function startOne(
  groups: ProcessGroups,
  nats: NatsServer,
  { name, slots, stepMs, readsPictures = false }: WorkerPlan,
  further: readonly string[],
): Promise<FleetWorker> {
  const backend = stepMs === undefined ? embeddedModel : ["--backend", "fake", "--fake-step-delay", `${stepMs}ms`];
  const flags = [
    ...backend,
    ...(readsPictures ? ["--mmproj", "fake"] : []),
    "--slots",
    String(slots),
    "--nats-url",
    nats.url,
    "--worker-id",
    name,
    ...roomy.slice(0, 4),
    ...further,
  ];
  const begin = async (): Promise<Worker> => await startWorker(groups, { flags });
  let worker = await begin();
  let starting = false;
  return {
    name,
    get starting() {
      return starting;
    },
    get worker() {
      return worker;
    },
    async kill() {
      starting = true;
      killGroup(worker.pid);
      await worker.exited;
    },
    async start() {
      worker = await begin();
      starting = false;
    },
    freeze: () => signalGroup(worker.pid, "SIGSTOP"),
    wake: () => signalGroup(worker.pid, "SIGCONT"),
  };
}
