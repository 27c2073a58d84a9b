// Owns the models of a worker: their names, the host of each, and the pool in which they share memory.
import { dirname } from "node:path";
import type { Clock } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import { createModelRouter, findNamed, unknownModel, unnamedModel } from "@waggle/jobs";
import type { JobRegistry, ModelRouter } from "@waggle/jobs";
import { shownReference } from "@waggle/models/download";
import type { ModelSource, ModelStateName } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { ModelSettings } from "../../config/model-settings.ts";
import { createCoreShares } from "../memory/core-shares.ts";
import { createModelHost } from "../run/model-host.ts";
import type { ModelHost, ModelHostOptions } from "../run/model-host-port.ts";
import type { HostedFile, ModelEntry } from "./model-entry.ts";
import type { Budget } from "../memory/eviction.ts";
import { createPool } from "../memory/pool.ts";
import { withoutFolders } from "../run/shown-message.ts";
import type { LoadPlan, Pool, UnloadReason } from "../memory/pool.ts";

/** A model that is named in the worker's settings or by an operator. */
export interface ModelSpec {
  /** When undefined, the model's own name is used as soon as the model is loaded. */
  readonly name: string | undefined;
  readonly aliases: readonly string[];
  /** A path, or a reference to download. */
  readonly reference: string;
  readonly source: ModelSource;
  readonly pinned: boolean;
  /** Undefined when the settings of all models apply. */
  readonly settings?: ModelSettings | undefined;
  readonly keepAliveMs?: number | undefined;
}

export interface ModelsOptions extends Pick<
  ModelHostOptions,
  "queueCapacity" | "clientQueueShare" | "limits" | "modelsFolder" | "observers"
> {
  readonly specs: readonly ModelSpec[];
  /** Name of the model that serves unknown names. */
  readonly defaultModel: string | undefined;
  readonly settings: ModelSettings;
  readonly keepAliveMs: number;
  /** Whether clients see this machine's paths in messages. */
  readonly localMode: boolean;
  readonly budget: Budget;
  /** Cores that all engines share. */
  readonly cores: number;
  readonly registry: JobRegistry;
  /** @param models number of models that the worker has now */
  readonly createEngine: (
    hosted: HostedFile,
    events: Parameters<ModelHostOptions["createEngine"]>[0],
    models: number,
  ) => ModelHost["engine"] & {};
  /** Finds the model's file and memory needs. @throws Error with the reason why the model cannot be loaded */
  readonly prepare: (hosted: HostedFile) => LoadPlan | Promise<LoadPlan>;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly onDownloadProgress: (progress: number, doneBytes: number | undefined) => void;
  readonly onReady: (host: ModelHost, info: BackendInfo, loadMs: number) => void;
  readonly onGaveUp: (host: ModelHost, never: boolean) => void;
  readonly onState: (host: ModelHost, to: ModelStateName, from: ModelStateName) => void;
}

export interface Models {
  readonly pool: Pool;
  readonly router: ModelRouter<ModelHost>;
  entries(): readonly ModelEntry[];
  /** All hosts, also the hosts of files that are being swapped in or out. */
  hosts(): readonly ModelHost[];
  /** @throws WaggleError not_found, invalid_argument: see ServedModels */
  find(name: string | null | undefined): ModelEntry;
  /** Finds a model by its name or an alias. @throws WaggleError not_found */
  named(name: string): ModelEntry;
  /** The model that serves unknown names, if the settings name one. */
  readonly fallback: ModelEntry | undefined;
  isDefault(entry: ModelEntry): boolean;
  /** The model that represents the worker: the default, or the first. */
  readonly main: ModelEntry | undefined;
  /** @throws Error when the name is taken */
  add(spec: ModelSpec): ModelEntry;
  remove(entry: ModelEntry): void;
  /** A host for another file under the entry's name. */
  host(entry: ModelEntry, reference: string, source: ModelSource): HostedFile;
  /** Waits for the last jobs of the host, then removes it. */
  retire(hosted: HostedFile, reason: UnloadReason): Promise<void>;
}

export function createModels(options: ModelsOptions): Models {
  const { clock, log, metrics, registry } = options;
  const entries: ModelEntry[] = [];
  const hosts = new Set<ModelHost>();
  let serial = 0;
  const pool = createPool({
    budget: options.budget,
    clock,
    log,
    onUnload: (host, reason) => metrics.ofModel(host.name).modelUnloads.inc({ reason }),
  });
  const shareCores = createCoreShares(options.cores, () => [...hosts]);
  const router = createModelRouter({
    hosts: () => [...hosts],
    hostOf: (model) => named(model).current.host,
    onWanted: (host) => pool.use(host),
    onAccepted: shareCores,
    onSettled: (host) => pool.endUse(host),
  });

  function createHost(
    name: string | undefined,
    entryOf: () => ModelEntry,
    file: Pick<HostedFile, "reference" | "source" | "settings">,
  ): HostedFile {
    const host = createModelHost(
      {
        ...options,
        slots: file.settings.slots,
        // The first host's job ids have no model number, so that job ids are short in a worker with one model.
        key: (serial += 1) === 1 ? "j" : `m${serial}j`,
        name,
        modelPath: shownReference(file.reference),
        shownMessage: (message) =>
          options.localMode
            ? message
            : withoutFolders(message, [options.modelsFolder, dirname(hosted.facts?.path ?? hosted.reference)]),
        registry,
        createEngine: (events) => options.createEngine(hosted, events, hosts.size),
      },
      {
        onDownloadProgress: options.onDownloadProgress,
        onReady(info, loadMs) {
          const memory = hosted.facts?.plan?.memoryAt(info.contextSize);
          if (memory !== undefined) pool.know(host, { memory });
          hosted.former = undefined;
          hosted.loaded = hosted.reference;
          options.onReady(host, info, loadMs);
        },
        onGaveUp: (never) => options.onGaveUp(host, never),
        goesBack() {
          const { former } = hosted;
          if (former === undefined) return false;
          Object.assign(hosted, former, { former: undefined });
          // Load in a later turn: only then is the host's state `failed`, from which the host can load again.
          queueMicrotask(() => pool.loadNow(host));
          return true;
        },
        onIdle(last) {
          pool.onIdle(host, last);
          shareCores();
        },
      },
    );
    const hosted: HostedFile = { ...file, host, facts: undefined };
    hosts.add(host);
    pool.add({
      host,
      pinned: () => entryOf().pinned && !entryOf().leaving.has(hosted),
      keepAliveMs: () => entryOf().keepAliveMs,
      prepare: () => options.prepare(hosted),
    });
    host.state.onChange((to, from) => {
      options.onState(host, to, from);
      shareCores();
    });
    return hosted;
  }

  function add(spec: ModelSpec): ModelEntry {
    const taken = spec.name === undefined ? undefined : exactly(spec.name);
    if (taken !== undefined) throw new Error(`Cannot serve two models as "${spec.name}".`);
    const { reference, source, settings = options.settings } = spec;
    const entry: ModelEntry = {
      get name() {
        return spec.name ?? entry.current.host.name;
      },
      aliases: new Set(spec.aliases),
      pinned: spec.pinned,
      settings,
      keepAliveMs: spec.keepAliveMs ?? options.keepAliveMs,
      current: createHost(spec.name, () => entry, { reference, source, settings }),
      next: undefined,
      changing: false,
      leaving: new Set(),
    };
    entries.push(entry);
    return entry;
  }

  function exactly(name: string): ModelEntry | undefined {
    return entries.find((entry) => entry.name === name || entry.aliases.has(name));
  }

  function named(name: string): ModelEntry {
    const found = findNamed(entries, name);
    if (found === undefined) throw unknownModel(name, entries);
    return found;
  }

  /** Models of flags or the settings file. A single such model serves requests for any name. */
  const given = options.specs.filter(({ source }) => source === "file" || source === "embedded" || source === "fake");
  options.specs.forEach(add);
  const sole = given.length === 1 ? entries[options.specs.indexOf(given[0] as ModelSpec)] : undefined;

  function implied(): ModelEntry | undefined {
    if (sole !== undefined && entries.includes(sole)) return sole;
    return entries.length === 1 ? entries[0] : undefined;
  }

  function fallback(): ModelEntry | undefined {
    return options.defaultModel === undefined ? undefined : findNamed(entries, options.defaultModel);
  }

  return {
    pool,
    router,
    entries: () => entries,
    hosts: () => [...hosts],
    find(name) {
      const asked = name == null || name === "" ? undefined : name;
      const found = asked === undefined ? undefined : findNamed(entries, asked);
      const entry = found ?? fallback() ?? implied();
      if (entry !== undefined) return entry;
      throw asked === undefined ? unnamedModel(entries) : unknownModel(asked, entries);
    },
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
    host: (entry, reference, source) =>
      createHost(entry.name, () => entry, { reference, source, settings: entry.settings }),
    async retire(hosted, reason) {
      const { host } = hosted;
      await router.idle(host);
      await pool.remove(host, reason);
      await host.stop();
      host.close();
      hosts.delete(host);
    },
  };
}
