// Owns the hosts of the fleet's models: one comes when a model is first heard of, and leaves when nobody knows the model any more.
import type { Job, JobDispatcher } from "@waggle/jobs";
import { createModelRouter, findNamed } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { GatewaySide, JobRecord } from "@waggle/fleet";
import type { JobSpec } from "@waggle/jobs";
import type { Catalogue } from "./models/catalogue.ts";
import type { FleetHost } from "./models/fleet-host.ts";

const retryAfterS = 5;

export interface FleetModels {
  readonly dispatcher: JobDispatcher;
  hosts(): readonly FleetHost[];
  /** Undefined where the model is gone, or was never there. */
  find(name: string): FleetHost | undefined;
  /** @throws WaggleError where the job could not be adopted: unavailable while no worker has its model, resource_exhausted while the queue is full */
  requireAdoptable(record: JobRecord): void;
  /** @throws WaggleError unavailable while no worker has its model */
  adopt(record: JobRecord): Job;
}

export interface FleetModelsOptions {
  readonly side: Pick<GatewaySide, "connected">;
  readonly catalogue: Catalogue;
  readonly createHost: (name: string, key: string) => FleetHost;
  /** Of each model. */
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

  /** What waits would hope in vain: it is refused while there is nobody to hope for. While NATS is away for a moment, the model's host knows how long to hope. */
  function requireReach(name: string): FleetHost {
    const model = findNamed(catalogue.models(), name);
    if (model === undefined && !side.connected) {
      const why = "the gateway has no connection to NATS";
      throw new WaggleError("unavailable", `Cannot accept the job: ${why}.`, { retryAfterS });
    }
    if (model === undefined || (side.connected && model.workers.length === 0)) {
      throw new WaggleError("unavailable", `Cannot accept the job: no worker serves ${name} now.`, { retryAfterS });
    }
    return hostOf(model.name);
  }

  /** @throws WaggleError unavailable */
  function hostFor(spec: JobSpec): FleetHost {
    const model = catalogue.get(spec.model);
    if (model !== undefined) return hostOf(model.name);
    const why = `no worker serves ${spec.model} now`;
    throw new WaggleError("unavailable", `Cannot go on with the job: ${why}.`, { retryAfterS });
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
    onWanted: () => {},
    onAccepted: () => {},
    onSettled: () => {},
  });
  catalogue.onChange(onChange);
  onChange();

  return {
    dispatcher: router,
    hosts: () => [...hosts.values()],
    find: (name) => hosts.get(name),
    requireAdoptable({ spec, waits }) {
      const { dispatcher } = hostFor(spec);
      if (!waits || dispatcher.waiting < queueCapacity) return;
      throw new WaggleError("resource_exhausted", `Cannot go on with the job: the queue is full (${queueCapacity}).`, {
        retryAfterS,
      });
    },
    adopt({ id, spec, callKey, waits }) {
      const host = hostFor(spec);
      const job = host.dispatcher.adopt({ ...spec, id }, { callKey, waits });
      router.join(host, job);
      return job;
    },
  };
}
