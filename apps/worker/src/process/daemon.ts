// Owns the daemon: opens the ports, starts the worker, joins the hive and the fleet, and closes everything at the end.
import { constants } from "node:os";
import type { Clock } from "@waggle/async";
import { createDeparture } from "@waggle/daemon";
import type { Departure } from "@waggle/daemon";
import type { TokenTable } from "@waggle/daemon/tokens";
import { findUnusedGpu } from "@waggle/models/gpu";
import { shownReference } from "@waggle/models/download";
import { exitCodes } from "@waggle/protocol";
import type { StdoutLine } from "@waggle/protocol";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Traces } from "@waggle/daemon/traces";
import type { WorkerConfig } from "../config.ts";
import { createDownloadProgress } from "./download-progress.ts";
import { chooseKvFolder } from "../engine/kv-folder.ts";
import { createSupervisor } from "../engine/supervisor.ts";
import { joinFleet, type FleetMembership } from "../fleet/join-fleet.ts";
import { joinHive } from "../hive/join-hive.ts";
import type { Reporter } from "../hive/reporter.ts";
import { openPorts } from "./ports.ts";
import type { WorkerScreen } from "./screen.ts";
import { createWorker } from "../worker.ts";
import { budgetOf } from "../models/memory/budget.ts";
import type { HostedFile } from "../models/list/model-entry.ts";
import { modelSpecsOf } from "../models/list/model-specs.ts";
import { createOperations, downloadsOf } from "../models/change/operations.ts";
import { describeModel, prepareModel } from "../models/run/prepare.ts";
import type { LoadPlan } from "../models/memory/pool.ts";
import type { Pulls } from "../models/change/pulls.ts";

/** How long ended streams may take to reach their readers when the worker leaves. */
const flushTimeoutMs = 1_000;
/** Default time that a model stays loaded without requests, in a worker with several models. Ollama's default is the same. */
const severalStayMs = 300_000;

export interface DaemonOptions {
  readonly config: WorkerConfig;
  /** Environment that the engine process inherits. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "last">;
  readonly metrics: WorkerMetrics;
  readonly traces?: Traces | undefined;
  readonly clock: Clock;
  readonly tokens: () => TokenTable;
  /** Gets the progress of downloads; undefined when stderr is not a terminal, or the screen shows the progress. */
  readonly terminal: { write(text: string): unknown } | undefined;
  readonly print: (line: StdoutLine) => void;
  /** Undefined when stdout is not a terminal. */
  readonly screen?: WorkerScreen | undefined;
}

export interface Daemon extends Departure {
  readonly url: string;
  /** Why the first load of the worker's only model failed; the worker then exits. */
  readonly failure: string | undefined;
}

/**
 * Opens the ports, then loads the models.
 * @throws StartError or WaggleError for models or a fleet that cannot be used, PortTakenError, or another error of a port
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, log, metrics, clock, print, screen } = options;
  const specs = await modelSpecsOf(config);
  const stopping = new AbortController();
  const prefixFolder =
    config.backend === "fake"
      ? undefined
      : await chooseKvFolder({ folder: config.prefixStoreDir, maxBytes: config.prefixStoreBytes });
  let reporter: Reporter | undefined = undefined;
  // Empty and undefined at first: requests for metrics may arrive as soon as the first port is open, before the fleet is joined.
  let ownUrl = "";
  let fleet: FleetMembership | undefined = undefined;
  let gpuReported = false;
  const budget = budgetOf(config, specs.length);
  const preparing = { resolve: downloadsOf(config), signal: stopping.signal, budgetBytes: budget.bytes };
  const prepare = (hosted: HostedFile): LoadPlan | Promise<LoadPlan> =>
    hosted.source === "fake" ? { memory: undefined } : prepareModel(hosted, preparing);
  let pulls: Pulls | undefined;
  let failure: string | undefined;
  const worker = createWorker({
    ...options,
    specs,
    budget,
    onCollect: () => fleet?.collect(),
    observers: [(_, { type }) => (type === "ended" ? fleet?.refill() : undefined)],
    keepAliveMs: config.keepAliveMs ?? (specs.length > 1 ? severalStayMs : Infinity),
    url: () => config.advertiseUrl ?? ownUrl,
    prepare,
    createEngine({ host, reference, facts, settings, loaded }, events) {
      const contextSize = facts?.plan?.contextSize ?? settings.contextSize;
      const together = Math.min(config.maxLoadedModels, worker.models.hosts().length);
      const prefixes = prefixFolder?.shareOf(host.key, together);
      return createSupervisor({
        ...config,
        ...events,
        start: {
          type: "start",
          backend: config.backend,
          model: facts?.path ?? reference,
          gpuFolder: config.gpuFolder,
          settings: { ...settings, contextSize },
          maxThreads: config.maxThreads,
          prefixStore: prefixes,
          fake: config.fake,
        },
        env: options.env,
        clock,
        // With one model, log lines need no name of a model.
        log: together > 1 ? log.child({ model: host.name }) : log,
        loadedBefore: loaded === reference,
        onStopped: prefixes?.release,
      });
    },
    createControl(models, served) {
      const made = createOperations({ config, models, served, prepare, describe, log, now: () => clock.now() });
      pulls = made.pulls;
      return made.control;
    },
    onDownloadProgress: createDownloadProgress({
      model: shownReference(specs[0]?.reference ?? ""),
      log,
      terminal: options.terminal,
    }),
    onReady(_host, info) {
      reportUnusedGpu(info.device).catch((error: unknown) => log.warn({ err: error }, "gpu_search_failed"));
    },
    onModelState: () => fleet?.changed(),
    onFirstLoadFailed(why) {
      failure = why;
      departure.abort(exitCodes.modelCannotBeLoaded);
    },
  });
  const { app, report } = worker;
  let announced = false;
  worker.state.onChange((to) => {
    reporter?.changed();
    if (to !== "ready" || announced) return;
    announced = true;
    const { main } = worker.models;
    const host = main?.current.host;
    // Without a loaded model, each model loads with its first request.
    if (host?.info === undefined) screen?.waiting();
    else screen?.ready(host.name, host.info);
    const pid = host?.engine?.pid;
    print({
      type: "ready",
      url: server.url,
      pid: process.pid,
      ...(pid === undefined ? {} : { engine_pid: pid }),
      model: main?.name ?? "",
      backend: config.backend,
      load_ms: host?.loads.lastMs ?? 0,
    });
  });

  const server = await openPorts(app, config, (opened) => (ownUrl = opened)).catch((error: unknown) => {
    prefixFolder?.close();
    throw error;
  });
  fleet = await joinFleet({ config, worker, log, metrics, clock }).catch(async (error: unknown) => {
    prefixFolder?.close();
    await server.close();
    throw error;
  });
  const { url } = server;
  const ollama = server.ollamaUrl === undefined ? {} : { ollama_url: server.ollamaUrl };
  print({ type: "listening", url, ...ollama, pid: process.pid });
  log.info(
    { url, ...ollama, version: config.version, backend: config.backend, local_mode: config.localMode },
    "listening",
  );
  if (config.backend === "fake") log.warn("The backend is fake: there is no model, and every answer is canned.");
  screen?.opened({ url, ollamaUrl: server.ollamaUrl, models: worker.models.entries().map(({ name }) => name) });
  worker.start();
  const first = worker.models.main;
  if (first !== undefined && worker.state.name === "loading") screen?.follow(first.name, first.current.host.loading);
  describeAll().catch((error: unknown) => log.error({ err: error }, "model_description_failed"));
  const onDrain = (): void => departure.drain(128 + constants.signals.SIGTERM);
  reporter = joinHive({ config, report, log, metrics, onDrain });

  /** Logs once why a GPU is not used. Runs in the background. */
  async function reportUnusedGpu(device: string): Promise<void> {
    if (gpuReported || device !== "cpu" || config.backend === "fake" || config.modelSettings.device !== "auto") return;
    gpuReported = true;
    const { platform, arch } = process;
    const unused = await findUnusedGpu({ platform, arch, folder: config.gpuFolder });
    if (unused === undefined) return;
    log.info({ reason: unused }, "gpu_unused");
    screen?.note(unused);
  }

  async function describe(hosted: HostedFile): Promise<void> {
    const { host, source } = hosted;
    if (source === "fake" || hosted.facts !== undefined || host.state.name !== "unloaded") return;
    const onMissing = (reason: string): void => log.warn({ model: host.name, reason }, "model_missing");
    const plan = await describeModel(hosted, { ...preparing, onMissing });
    if (plan !== undefined && worker.models.pool.memoryOf(host) === undefined) worker.models.pool.know(host, plan);
  }

  /** Describes the models one after the other, so that a folder of many models delays no request. */
  async function describeAll(): Promise<void> {
    for (const { current } of [...worker.models.entries()]) await describe(current);
  }

  const departure = createDeparture({
    clock,
    log,
    drainTimeoutMs: config.drainTimeoutMs,
    async refuse() {
      // Called first: if another worker can continue a job, this worker hands the job over instead of waiting for its end.
      const handedOver = fleet?.leave();
      worker.refuse();
      stopping.abort();
      await handedOver;
    },
    idle: worker.idle,
    liveJobs: () => worker.registry.liveCount,
    onLeaving: screen?.leaving,
    onCutting: screen?.cutting,
    async takeDown(before) {
      worker.abort();
      // Ended streams and collected answers still have to reach their clients.
      server.stopAccepting();
      const flushed = before(server.answered(), flushTimeoutMs);
      await Promise.all([reporter?.leave(), worker.stop(), pulls?.stop(), flushed]);
      await fleet?.close();
      prefixFolder?.close();
      await server.close();
      worker.close();
    },
  });
  return {
    url,
    get failure() {
      return failure;
    },
    ...departure,
  };
}
