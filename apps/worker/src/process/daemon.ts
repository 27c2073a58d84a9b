// Owns the daemon: starts its parts in the order in which they need each other, and closes everything at the end.
import { constants } from "node:os";
import { inBackground } from "@waggle/async";
import {
  StartError,
  createDaemonLane,
  createDeparture,
  type DaemonContext,
  type Departure,
  type Environment,
} from "@waggle/daemon";
import { findUnusedGpu } from "@waggle/models/gpu";
import { shownReference } from "@waggle/models/download";
import { WaggleError, exitCodes } from "@waggle/protocol";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { ModelSettings } from "../config/model-settings.ts";
import { embeddedModelPath } from "../models/embedded-model.ts";
import { createDownloadProgress } from "./download-progress.ts";
import { chooseKvFolder } from "../engine/kv-folder.ts";
import { createSupervisor } from "../engine/supervisor.ts";
import { createFleetMembership } from "../fleet/fleet-membership.ts";
import { createHiveMembership } from "../hive/hive-membership.ts";
import { createMcp } from "../mcp/open-mcp.ts";
import { openPorts, type Ports } from "./ports.ts";
import { createWorkerScreen } from "./screen.ts";
import { createWorker } from "../worker.ts";
import { budgetOf } from "../models/memory/memory-plan.ts";
import { findModels } from "../models/list/find-models.ts";
import { createLastUsed } from "../models/list/last-used.ts";
import { downloadsOf } from "../models/change/operations.ts";
import { describeModel, prepareModel, type PrepareOptions } from "../models/change/prepare.ts";

/** How long ended streams may take to reach their readers when the worker leaves. */
const flushTimeoutMs = 1_000;
/** Default time that a model stays loaded without requests, in a worker with several models. Ollama's default is the same. */
const severalStayMs = 300_000;

export interface DaemonOptions extends DaemonContext<WorkerConfig> {
  /** Environment that the engine process inherits. */
  readonly env: Environment;
  readonly metrics: WorkerMetrics;
}

export interface Daemon extends Departure {
  readonly url: string;
}

function fakeProjectorOf({ mmproj }: ModelSettings): string | undefined {
  return mmproj === "auto" || mmproj === "none" ? undefined : mmproj;
}

/**
 * Opens the ports, then loads the models.
 * @throws StartError or WaggleError for models or a fleet that cannot be used, PortTakenError, or another error of a port
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, log, metrics, clock, print } = options;
  const lastUsed = createLastUsed({ ...config, folder: config.stateFolder, embedded: embeddedModelPath() });
  const given = await findModels(config, lastUsed.read());
  const prefixFolder =
    config.backend === "fake"
      ? undefined
      : await chooseKvFolder({ folder: config.prefixStoreDir, maxBytes: config.prefixStoreBytes });
  const screen = options.screen && createWorkerScreen({ config, screen: options.screen, clock });
  const showsProgress = screen === undefined && process.stderr.isTTY && config.logFormat === "pretty";
  const budget = budgetOf(config, given.length);
  const stopping = new AbortController();
  const preparing: PrepareOptions = {
    resolve: downloadsOf(config),
    signal: stopping.signal,
    budgetBytes: budget.bytes,
    onUnusedProjector: (host, reason) => log.warn({ model: host.name, reason }, "projector_unused"),
  };
  const logDownload = createDownloadProgress({
    model: shownReference(given[0]?.reference ?? ""),
    log,
    terminal: showsProgress ? process.stderr : undefined,
  });
  const mcp = createMcp({ config, env: options.env, log, clock });
  const lane = createDaemonLane(options);
  const fleet = createFleetMembership({ config, log, metrics, clock });
  const hive = createHiveMembership({ config, log, metrics });

  let gpuReported = false;
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

  // Clients may ask for the URL, or drain the worker, as soon as the main port is open.
  let ownUrl = "";
  let begun: Departure | undefined;
  const worker = createWorker({
    ...options,
    given,
    budget,
    mcp,
    lane,
    listener: fleet,
    keepAliveMs: config.keepAliveMs ?? (given.length > 1 ? severalStayMs : Infinity),
    url: () => config.advertiseUrl ?? ownUrl,
    drain,
    prepare: (host) => (host.file.source === "fake" ? { memory: undefined } : prepareModel(host, preparing)),
    async describe(host) {
      const onMissing = (reason: string): void => log.warn({ model: host.name, reason }, "model_missing");
      return await describeModel(host, { ...preparing, onMissing });
    },
    createEngine({ key, name, file: { reference, facts, settings, loaded } }, models) {
      // The size of one job is left to the engine: a binding whose slots do not share the pool gives each of them a part.
      const contextPool = facts?.plan?.context?.contextPool ?? settings.contextPool;
      // The fake backend has no files.
      const projector = config.backend === "fake" ? fakeProjectorOf(settings) : facts?.pictures.projector?.path;
      const together = Math.min(config.maxLoadedModels, models);
      const prefixes = prefixFolder?.shareOf(key, together);
      return createSupervisor({
        ...config,
        start: {
          type: "load",
          backend: config.backend,
          model: facts?.path ?? reference,
          gpuFolder: config.gpuFolder,
          settings: { ...settings, contextPool },
          projector:
            projector === undefined
              ? undefined
              : {
                  path: projector,
                  maxPixels: settings.maxPicturePixels,
                  isRequired: settings.mmproj !== "auto",
                },
          maxThreads: config.maxThreads,
          prefixStore: prefixes,
          fake: config.fake,
        },
        env: options.env,
        clock,
        // With one model, log lines need no name of a model.
        log: together > 1 ? log.child({ model: name }) : log,
        loadedBefore: loaded === reference,
        onStopped: prefixes?.release,
      });
    },
    onDownloadProgress(progress, transfer = {}) {
      screen?.downloading(transfer);
      logDownload(progress, transfer.doneBytes);
    },
    onUsed: lastUsed.note,
    onReady(info) {
      reportUnusedGpu(info.device).catch((error: unknown) => log.warn({ err: error }, "gpu_search_failed"));
    },
  });

  let ports: Ports | undefined;
  async function open(): Promise<Ports> {
    ports = await openPorts(worker.app, config, (opened) => (ownUrl = opened));
    await fleet.join(worker);
    await mcp?.open();
    lane.start();
    return ports;
  }

  async function takeDown(sent?: () => Promise<unknown>): Promise<void> {
    worker.abort();
    // Ended streams and collected answers still have to reach their clients.
    ports?.stopAccepting();
    await Promise.all([hive.leave(), worker.stop(), lane.close(), sent?.()]);
    await fleet.close();
    prefixFolder?.close();
    await ports?.close();
    worker.close();
  }

  const server = await open().catch(async (error: unknown) => {
    stopping.abort();
    // Requests may have loaded models and opened the lane: the port was open.
    await takeDown().catch((failure: unknown) => log.error({ err: failure }, "start_not_undone"));
    throw error;
  });

  const departure = (begun = createDeparture({
    clock,
    log,
    drainTimeoutMs: config.drainTimeoutMs,
    async refuse() {
      // Called first: if another worker can continue a job, this worker hands the job over instead of waiting for its end.
      const handedOver = fleet.leave();
      // Its lines are asked again after the restart, so the drain does not wait for them.
      inBackground("close the lane", lane.close());
      worker.refuse();
      stopping.abort();
      await handedOver;
    },
    idle: worker.idle,
    liveJobs: () => worker.registry.liveCount,
    cutJobs: () => worker.cutJobs,
    onLeaving: screen?.leaving,
    onCutting: screen?.cutting,
    takeDown: async (before) => await takeDown(async () => await before(server.answered(), flushTimeoutMs)),
  }));

  const { url } = server;
  const ollama = server.ollamaUrl === undefined ? {} : { ollama_url: server.ollamaUrl };
  print({ type: "listening", url, ...ollama, pid: process.pid });
  log.info(
    { url, ...ollama, version: config.version, backend: config.backend, local_mode: config.localMode },
    "listening",
  );
  if (config.backend === "fake") log.warn("The backend is fake: there is no model, and every answer is canned.");
  screen?.opened({ url, ollamaUrl: server.ollamaUrl, models: worker.models.entries().map(({ name }) => name) });

  let announced = false;
  worker.state.onChange((to) => {
    if (to !== "ready" || announced) return;
    announced = true;
    const { main } = worker.models;
    const host = main?.current;
    // Without a loaded model, each model loads with its first request.
    if (host?.info === undefined) screen?.waiting();
    else screen?.ready(host.name, host.info);
    const pid = host?.engine?.pid;
    print({
      type: "ready",
      url,
      pid: process.pid,
      ...(pid === undefined ? {} : { engine_pid: pid }),
      model: main?.name ?? "",
      backend: config.backend,
      load_ms: host?.loads.lastMs ?? 0,
    });
  });
  let failure: string | undefined;
  const left = worker.failed.then((why) => {
    failure = why;
    departure.abort(exitCodes.modelCannotBeLoaded);
  });
  inBackground("leave", left);
  worker.start();
  const first = worker.models.main;
  if (first !== undefined && worker.state.name === "loading") screen?.follow(first.name, first.current.loading);
  worker.describeModels().catch((error: unknown) => log.error({ err: error }, "model_description_failed"));
  hive.join(worker, drain);

  /** A hive or an admin tells this worker to leave. @throws WaggleError unavailable during the start */
  function drain(): void {
    if (begun === undefined) throw new WaggleError("unavailable", "Cannot drain: the worker is still starting.");
    begun.drain(128 + constants.signals.SIGTERM);
  }

  return {
    url,
    ...departure,
    stopped: departure.stopped.then((code) => {
      if (failure !== undefined) throw new StartError(failure, code);
      return code;
    }),
  };
}
