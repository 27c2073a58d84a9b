// Owns the models of the fleet: for each model, its workers and a worker's description. Knows no jobs.
import type { Clock } from "@waggle/async";
import { abilitiesOf } from "@waggle/fleet";
import type { GatewaySide, MemberModel, ModelDescription, WorkerMember } from "@waggle/fleet";
import type { Logger } from "@waggle/telemetry";
import { WaggleError } from "@waggle/protocol";

/** How long a model's name stays known after its last worker has left. */
const knownForMs = 600_000;
const describeTimeoutMs = 2_000;

/** One worker's entry for a model. */
export interface Serving {
  readonly member: WorkerMember;
  readonly model: MemberModel;
}

export interface FleetModel {
  readonly name: string;
  readonly aliases: ReadonlySet<string>;
  /** Workers that have the model, whether loaded or not; empty once all of these workers are gone. */
  readonly workers: readonly Serving[];
  /** Workers that take jobs for the model now. */
  readonly ready: readonly Serving[];
  /** The last description that a worker sent. */
  readonly description: ModelDescription | undefined;
  /** Whether all workers of the model use it for requests that name no model. */
  readonly isDefault: boolean;
}

export interface Catalogue {
  /** Sorted by name, including models that currently have no workers. */
  models(): readonly FleetModel[];
  get(name: string): FleetModel | undefined;
  /** Asks a worker for a description. @throws WaggleError unavailable without an answer */
  describe(name: string): Promise<ModelDescription>;
  onChange(listener: () => void): void;
  close(): void;
}

interface Entry extends Mutable<FleetModel> {
  /** When the model lost its last worker. */
  goneSince: number | undefined;
  describing: Promise<ModelDescription> | undefined;
  /** `versionsOf` at the time of the description. */
  describedAs: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface CatalogueOptions {
  readonly side: Pick<GatewaySide, "members" | "onMembers" | "isAlive" | "ask">;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createCatalogue({ side, clock, log }: CatalogueOptions): Catalogue {
  const entries = new Map<string, Entry>();
  const listeners = new Set<() => void>();

  function findOrAdd(name: string): Entry {
    const known = entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = {
      name,
      aliases: new Set(),
      workers: [],
      ready: [],
      description: undefined,
      isDefault: false,
      goneSince: undefined,
      describing: undefined,
      describedAs: "",
    };
    entries.set(name, entry);
    return entry;
  }

  function read(): void {
    for (const entry of entries.values()) {
      entry.workers = [];
      entry.ready = [];
    }
    for (const member of side.members()) {
      if (member.kind !== "worker" || !side.isAlive("worker", member.id)) continue;
      for (const model of member.models) {
        const entry = findOrAdd(model.name);
        entry.workers = [...entry.workers, { member, model }];
      }
    }
    for (const entry of entries.values()) settle(entry);
    for (const listener of listeners) listener();
  }

  function settle(entry: Entry): void {
    const { workers } = entry;
    if (workers.length === 0) {
      entry.goneSince ??= clock.now();
      if (clock.now() - entry.goneSince >= knownForMs) entries.delete(entry.name);
      return;
    }
    entry.goneSince = undefined;
    entry.ready = workers.filter(({ member, model }) => member.takesJobs && model.ready);
    entry.aliases = new Set(workers.flatMap(({ model }) => model.aliases));
    entry.isDefault = workers.every(({ model }) => model.isDefault);
    const as = versionsOf(entry);
    if (as !== entry.describedAs) describe(entry).catch(() => {});
  }

  /** Runs one question at a time; `settle` asks again if the versions have changed since. */
  function describe(entry: Entry): Promise<ModelDescription> {
    const as = versionsOf(entry);
    // A worker whose model reads no pictures would hide that others read them.
    const [ability] = entry.ready.flatMap(({ model }) => abilitiesOf(model));
    entry.describing ??= side
      .ask<"describe">({ kind: "describe", model: entry.name }, { timeoutMs: describeTimeoutMs, ability })
      .then(({ description }) => {
        entry.description = description;
        entry.describedAs = as;
        for (const listener of listeners) listener();
        return description;
      })
      .catch((error: unknown) => {
        log.debug({ model: entry.name, reason: WaggleError.from(error).message }, "fleet_description_failed");
        throw error;
      })
      .finally(() => (entry.describing = undefined));
    return entry.describing;
  }

  const forget = side.onMembers(read);
  read();

  return {
    models: () => [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    get: (name) => entries.get(name),
    describe(name) {
      const entry = entries.get(name);
      if (entry !== undefined) return describe(entry);
      return Promise.reject(new WaggleError("unavailable", `Cannot describe ${name}: no worker serves it.`));
    },
    onChange: (listener) => void listeners.add(listener),
    close: forget,
  };
}

/** A text that changes with the files and settings of the model's workers. */
function versionsOf({ workers }: FleetModel): string {
  const versions = workers.map(
    ({ member, model }) => `${member.id} ${model.modelSha256} ${model.revision} ${model.vision}`,
  );
  return versions.toSorted().join("\n");
}
