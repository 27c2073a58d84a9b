// Owns the hosts of the fleet's models: each is created with the first report of its model, and closed when the catalogue forgets the model.
import type { Job, JobDispatcher } from "@waggle/jobs";
import { createModelRouter, findNamed } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { GatewaySide, JobRecord } from "@waggle/fleet";
import type { JobSpec } from "@waggle/jobs";
import type { Catalogue } from "./catalogue.ts";
import { specOfRecord } from "../jobs/job-pictures.ts";
import type { FleetHost } from "./fleet-host.ts";

export interface FleetModels {
  readonly dispatcher: JobDispatcher;
  hosts(): readonly FleetHost[];
  /** Undefined for a model that is gone or unknown. */
  find(name: string): FleetHost | undefined;
  /** @throws WaggleError if the job cannot be taken over: unavailable while no worker has its model, resource_exhausted while the queue is full */
  requireTakeoverPossible(record: JobRecord): void;
  /** @throws WaggleError unavailable while no worker has its model */
  takeOver(record: JobRecord): Job;
}

export interface FleetModelsOptions {
  readonly side: Pick<GatewaySide, "connected">;
  readonly catalogue: Catalogue;
  readonly createHost: (name: string, key: string) => FleetHost;
  /** Queue capacity of each model. */
  readonly queueCapacity: number;
}

export function createFleetModels({ side, catalogue, createHost, queueCapacity }: FleetModelsOptions): FleetModels {
  const hosts = new Map<string, FleetHost>();
  let serial = 0;

  function hostOf(name: string): FleetHost {
    const known = hosts.get(name) ?? createHost(name, `f${(serial += 1)}j`);
    hosts.set(name, known);
    return known;
  }

  /** Refuses a job if no worker serves its model. While NATS is away, a job of a known model waits; the model's host limits that wait. */
  function requireReach(name: string): FleetHost {
    const model = findNamed(catalogue.models(), name);
    if (model !== undefined && (!side.connected || model.workers.length > 0)) return hostOf(model.name);
    const why = side.connected ? `no worker serves ${name} now` : "the gateway has no connection to NATS";
    throw new WaggleError("unavailable", `Cannot accept the job: ${why}.`);
  }

  /** @throws WaggleError unavailable */
  function hostFor(spec: JobSpec): FleetHost {
    const model = catalogue.get(spec.model);
    if (model !== undefined) return hostOf(model.name);
    throw new WaggleError("unavailable", `Cannot continue the job: no worker serves ${spec.model} now.`);
  }

  function onChange(): void {
    for (const { name } of catalogue.models()) hostOf(name);
    for (const [name, host] of hosts) {
      host.changed();
      if (catalogue.get(name) !== undefined || host.registry.liveCount > 0) continue;
      hosts.delete(name);
      host.close();
    }
  }

  const router = createModelRouter<FleetHost>({
    hosts: () => [...hosts.values()],
    hostOf: requireReach,
  });
  catalogue.onChange(onChange);
  onChange();

  return {
    dispatcher: router,
    hosts: () => [...hosts.values()],
    find: (name) => hosts.get(name),
    requireTakeoverPossible({ spec, waits }) {
      const { dispatcher } = hostFor(spec);
      if (!waits || dispatcher.waiting < queueCapacity) return;
      throw new WaggleError("resource_exhausted", `Cannot continue the job: the queue is full (${queueCapacity}).`, {
        retryAfterS: 5,
      });
    },
    takeOver(record) {
      const { id, spec, callKey, waits } = record;
      const host = hostFor(spec);
      const takenOver = waits ? "waiting" : "published";
      const job = host.dispatcher.takeOver({ ...specOfRecord(record), id }, { callKey, takenOver });
      router.join(host, job);
      return job;
    },
  };
}
