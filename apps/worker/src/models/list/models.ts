// Owns the models of a worker: their names, the hosts of their files, and the pool in which they share memory. Decision 090.
import { createListeners } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { createModelRouter, findNamed, requireModel, unknownModel } from "@waggle/jobs";
import type { JobRegistry, ModelRouter } from "@waggle/jobs";
import { isLane } from "@waggle/protocol";
import type { ModelSource, ModelStateName } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { GivenModel } from "../../config/given-models.ts";
import type { ModelSettings } from "../../config/model-settings.ts";
import type { EngineHost } from "../../engine/engine-host.ts";
import { createCoreShares } from "../memory/core-shares.ts";
import type { Budget } from "../memory/eviction.ts";
import { createPool } from "../memory/pool.ts";
import type { Pool, Prepare, Stay, UnloadReason } from "../memory/pool.ts";
import { createModelHost } from "../run/model-host.ts";
import type { EngineSource, ModelHost, ModelHostOptions, ServedFile } from "../run/model-host-port.ts";
import { fileNameOf } from "./model.ts";
import type { Model } from "./model.ts";

export interface ModelsOptions extends Pick<
  ModelHostOptions,
  | "queueCapacity"
  | "clientQueueShare"
  | "limits"
  | "modelsFolder"
  | "localMode"
  | "onDownloadProgress"
  | "observers"
  | "calls"
> {
  readonly given: readonly GivenModel[];
  /** Name of the model that serves unknown names. */
  readonly defaultModel: string | undefined;
  readonly settings: ModelSettings;
  readonly keepAliveMs: number;
  readonly budget: Budget;
  /** Cores that all engines share. */
  readonly cores: number;
  readonly registry: JobRegistry;
  /** @param models number of models that the worker has now */
  readonly createEngine: (source: EngineSource, models: number) => EngineHost;
  readonly prepare: Prepare;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
}

/** Called after each change of a host's state. */
export type HostListener = (host: ModelHost, to: ModelStateName, from: ModelStateName) => void;

export interface Models {
  readonly pool: Pool;
  readonly router: ModelRouter<ModelHost>;
  entries(): readonly Model[];
  /** All hosts, also the hosts of files that are being swapped in or out. */
  hosts(): readonly ModelHost[];
  /** @throws WaggleError not_found, invalid_argument: see ServedModels */
  find(name: string | null | undefined): Model;
  /** Finds a model by its name or an alias. @throws WaggleError not_found */
  named(name: string): Model;
  /** The model that serves unknown names: the default of the settings, or the model that was used last. */
  readonly fallback: Model | undefined;
  isDefault(entry: Model): boolean;
  /** The model that represents the worker: the default, or the first. */
  readonly main: Model | undefined;
  /** @throws Error when the name is taken */
  add(given: GivenModel): Model;
  remove(entry: Model): void;
  /** A host for another file under the entry's name. */
  host(entry: Model, reference: string, source: ModelSource): ModelHost;
  /** Waits for the last jobs of the host, then removes it. */
  retire(host: ModelHost, reason: UnloadReason): Promise<void>;
  onState(listener: HostListener): void;
}

export function createModels(options: ModelsOptions): Models {
  const { clock, log, metrics } = options;
  const entries: Model[] = [];
  const hosts = new Set<ModelHost>();
  const listeners = createListeners<Parameters<HostListener>>();
  let serial = 0;
  const pool = createPool({
    budget: options.budget,
    clock,
    log,
    prepare: options.prepare,
    onUnload: (host, reason) => metrics.ofModel(host.name).modelUnloads.inc({ reason }),
  });
  const shareCores = createCoreShares(options.cores, () => [...hosts]);
  const router = createModelRouter({
    hosts: () => [...hosts],
    hostOf: (model) => named(model).current,
    use(host, { when }) {
      const lease = pool.use(host, isLane(when));
      return {
        ...lease,
        end(job) {
          lease.end(job);
          shareCores();
        },
      };
    },
  });

  function createHost(name: string | undefined, stay: Stay, file: ServedFile): ModelHost {
    const host = createModelHost({
      ...options,
      // The first host's job ids have no model number, so that job ids are short in a worker with one model.
      key: (serial += 1) === 1 ? "j" : `m${serial}j`,
      name,
      file,
      createEngine: (source) => options.createEngine(source, hosts.size),
      onAdded: shareCores,
    });
    hosts.add(host);
    pool.add(host, stay);
    host.state.onChange((to, from) => {
      if (to === "ready") {
        const memory = host.info === undefined ? undefined : file.facts?.plan?.memoryAt(host.info);
        if (memory !== undefined) pool.know(host, { memory });
      }
      listeners.call(host, to, from);
      shareCores();
      // Loads the previous file in a later turn, when all listeners know of the failure.
      if (to === "failed" && host.failure?.isFinal === false) queueMicrotask(() => pool.loadNow(host));
    });
    return host;
  }

  function add(given: GivenModel): Model {
    const taken = given.name === undefined ? undefined : exactly(given.name);
    if (taken !== undefined) throw new Error(`Cannot serve two models as "${given.name}".`);
    const { reference, source, settings = options.settings } = given;
    const stay = { pinned: given.pinned, keepAliveMs: given.keepAliveMs ?? options.keepAliveMs };
    const entry: Model = {
      get name() {
        return given.name ?? this.current.name;
      },
      get fileName() {
        return fileNameOf(this.current);
      },
      isUsual: given.isUsual === true,
      aliases: new Set(given.aliases),
      settings,
      stay,
      current: createHost(given.name, stay, { reference, source, settings, facts: undefined }),
      next: undefined,
      changing: false,
      leaving: new Set(),
    };
    entries.push(entry);
    return entry;
  }

  function exactly(name: string): Model | undefined {
    return entries.find((entry) => entry.name === name || entry.aliases.has(name));
  }

  function named(name: string): Model {
    const found = findNamed(entries, name);
    if (found === undefined) throw unknownModel(name, entries);
    return found;
  }

  options.given.forEach(add);
  /** Models of flags or the settings file. A single such model serves requests for any name. */
  const configured = entries.filter(({ current: { file } }) => file.source !== "folder" && file.source !== "download");
  const sole = configured.length === 1 ? configured[0] : undefined;

  function implied(): Model | undefined {
    if (sole !== undefined && entries.includes(sole)) return sole;
    return entries.length === 1 ? entries[0] : undefined;
  }

  function fallback(): Model | undefined {
    if (options.defaultModel === undefined) return entries.find(({ isUsual }) => isUsual);
    return findNamed(entries, options.defaultModel);
  }

  return {
    pool,
    router,
    entries: () => entries,
    hosts: () => [...hosts],
    find: (name) => requireModel(entries, name, { implied: fallback() ?? implied() }),
    named,
    get fallback() {
      return fallback();
    },
    isDefault: (entry) => entry === (fallback() ?? implied()),
    get main() {
      return fallback() ?? implied() ?? entries[0];
    },
    add,
    remove(entry) {
      const at = entries.indexOf(entry);
      if (at >= 0) entries.splice(at, 1);
    },
    host: ({ name, stay, settings }, reference, source) =>
      createHost(name, stay, { reference, source, settings, facts: undefined }),
    async retire(host, reason) {
      await pool.remove(host, reason);
      await host.stop();
      host.close();
      hosts.delete(host);
    },
    onState: (listener) => void listeners.add(listener),
  };
}
