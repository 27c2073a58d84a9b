// Owns everything of one served file: its engine, queue, jobs, state, name, hash and measurements. It knows no HTTP, no hive and no other
// model. The pool decides when it loads and unloads.
import { basename } from "node:path";
import { createConflatedChannel } from "@waggle/async";
import type { BackendInfo, EngineEvent } from "@waggle/engine";
import { createDispatcher, createJobLog, createRegistryPart } from "@waggle/jobs";
import type { Fingerprints, Job, JobObserver } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import { createAdmissionQueue, createSessionRegistry } from "@waggle/queue";
import type { EngineHost, EngineHostEvents } from "../../engine/engine-host.ts";
import { createEngineMetrics } from "../../engine/engine-metrics.ts";
import { createModelHash } from "./model-hash.ts";
import type { ModelHost, ModelHostEvents, ModelHostOptions } from "./model-host-port.ts";
import { createModelState } from "./model-state.ts";

/** Retry-After of refused jobs, in seconds. */
const retryAfterS = 5;

/** More threads than any machine has. */
const noThreadLimit = 4_096;

export function createModelHost(options: ModelHostOptions, events: ModelHostEvents): ModelHost {
  const { log, metrics, clock } = options;
  const state = createModelState();
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });
  let name = options.name ?? basename(options.modelPath, ".gguf");
  let slots: readonly SlotStatus[] = [];
  let engine: EngineHost | undefined;
  let info: BackendInfo | undefined;
  let leaving = false;
  let failure: string | undefined;
  const past = { starts: 0, deaths: 0 };
  const loads = { count: 0, lastMs: 0 };
  let unloading: Promise<void> | undefined;
  let threadLimit: number | undefined;
  const measured = () => metrics.ofModel(name);
  const engineMetrics = createEngineMetrics(measured);
  const registry = createRegistryPart(options.registry);
  const sessions = createSessionRegistry();
  const queue = createAdmissionQueue<Job>({
    capacity: options.queueCapacity,
    clientShare: options.clientQueueShare,
    now: () => clock.now(),
  });
  const watchIdleness: JobObserver = (job, { type }) => {
    if (type !== "ended") return;
    // The registry removes the job in this turn, after the observers.
    queueMicrotask(() => {
      if (registry.liveCount === 0) events.onIdle(job);
    });
  };
  const jobLog = createJobLog({ log, metrics });
  const dispatcher = createDispatcher({
    queue,
    registry,
    sessions,
    engine: {
      get ready() {
        return state.name === "ready" && engine?.ready === true;
      },
      get slots() {
        return info?.slots ?? options.slots;
      },
      send: (command) => engine?.send(command),
    },
    observers: [...(options.observers ?? []), watchIdleness, jobLog.observe],
    clock,
    limits: options.limits,
    model: () => name,
    fingerprints,
    uidPrefix: options.key,
  });
  const modelHash = createModelHash({ folder: options.modelsFolder, idle: () => dispatcher.idle(), log });

  function fingerprints(): Fingerprints {
    const { modelPath, templateSha256 } = info ?? {};
    return {
      modelSha256: modelHash.sha256,
      modelFile: modelPath === undefined ? undefined : basename(modelPath),
      templateSha256,
    };
  }

  /** An earlier engine may still send events. Most of its events are ignored. */
  function eventsOf(isMine: () => boolean): EngineHostEvents {
    return {
      busy: () => dispatcher.running > 0,
      onStart() {
        measured().begin();
        measured().engineStarts.inc();
      },
      onEvent: (event) => isMine() && onEvent(event),
      onReady: (found, loadMs) => isMine() && onReady(found, loadMs),
      onDeath(reason) {
        measured().engineDeaths.inc({ reason });
        slots = [];
        engineMetrics.gone();
      },
      onLost(_reason, whole) {
        if (!isMine()) return;
        const message = options.shownMessage(whole);
        if (state.name === "ready") {
          state.apply("load", `the engine is restarting: ${message}`);
          loading.set({ type: "loading", stage: "loading", progress: 0 });
        }
        dispatcher.onEngineLost(new WaggleError("engine_failed", message));
      },
      onGaveUp(message) {
        if (!isMine()) return;
        fail(message);
      },
    };
  }

  function onEvent(event: EngineEvent): void {
    if (event.type === "loading") loading.set({ type: "loading", stage: "loading", progress: event.progress });
    if (event.type === "step") slots = event.slots ?? slots;
    engineMetrics.record(event);
    dispatcher.onEngineEvent(event);
  }

  function onReady(found: BackendInfo, tookMs: number): void {
    info = found;
    loads.count += 1;
    loads.lastMs = tookMs;
    threadLimit = undefined;
    if (options.name === undefined) takeName(found.modelName);
    const facts = {
      model: name,
      load_ms: Math.round(tookMs),
      context_size: found.contextSize,
      slots: found.slots,
    };
    log.info(facts, "model_ready");
    if (state.name === "loading") state.apply("loaded");
    loading.set({ type: "ready", model: name });
    modelHash.follow(found.modelPath);
    events.onReady(found, tookMs);
    dispatcher.onEngineReady();
  }

  /** Moves the counts from the old name to the new name. */
  function takeName(own: string): void {
    if (own === name) return;
    void metrics.renameModel(name, own);
    name = own;
    measured().begin();
  }

  function fail(whole: string): void {
    const goesBack = events.goesBack();
    failure = whole;
    const message = options.shownMessage(whole);
    state.apply("fail", message);
    loading.set({ type: "failed", message });
    if (goesBack) return;
    dispatcher.refuse(new WaggleError("unavailable", message, { retryAfterS }));
    events.onGaveUp(loads.count === 0);
  }

  /** Prevents further loads. */
  function stopLoading(): void {
    leaving = true;
    if (state.name === "waiting" || state.name === "downloading") state.apply("give_way");
  }

  async function leave(): Promise<void> {
    await dispatcher.still();
    const left = engine;
    if (left !== undefined) {
      await left.stop();
      past.starts += left.starts;
      past.deaths += left.deaths;
      engine = undefined;
      engineMetrics.gone();
      slots = [];
    }
    // Open queries fail, and waiting jobs get the status that the model loads again.
    dispatcher.onEngineLost(new WaggleError("unavailable", "The model was unloaded.", { retryAfterS: 1 }));
    if (state.name === "unloading") state.apply("unloaded");
  }

  return {
    key: options.key,
    get name() {
      return name;
    },
    state,
    loading,
    dispatcher,
    registry,
    queue,
    sessions,
    get engine() {
      return engine;
    },
    get info() {
      return info;
    },
    get failure() {
      return failure;
    },
    fingerprints,
    get slots() {
      return slots;
    },
    get readings() {
      return engineMetrics.readings;
    },
    get tokens() {
      return jobLog.tokens;
    },
    loads,
    get starts() {
      return past.starts + (engine?.starts ?? 0);
    },
    get deaths() {
      return past.deaths + (engine?.deaths ?? 0);
    },
    limitThreads(most) {
      if (engine?.ready !== true || threadLimit === most) return;
      threadLimit = most;
      engine.send({ type: "limit_threads", threads: most ?? noThreadLimit });
    },
    downloading(progress, doneBytes) {
      if (state.name === "waiting") state.apply("download");
      if (state.name !== "downloading") return;
      loading.set({ type: "loading", stage: "downloading", progress });
      events.onDownloadProgress(progress, doneBytes);
    },
    wait(why) {
      dispatcher.accept();
      state.apply("wait", why);
    },
    giveWay: () => state.apply("give_way"),
    forget() {
      // Another model cannot continue after this model's tokens.
      dispatcher.onModelChanged();
      info = undefined;
    },
    load() {
      if (leaving) return;
      // Set first, so that no reader takes the last load's events for events of this load.
      loading.set({ type: "loading", stage: "loading", progress: 0 });
      state.apply("load", "the model is loading");
      const before = engine;
      if (before !== undefined) {
        past.starts += before.starts;
        past.deaths += before.deaths;
      }
      const mine: EngineHost = options.createEngine(eventsOf(() => engine === mine));
      engine = mine;
      mine.start();
    },
    fail,
    unload() {
      if (state.name === "unloaded") return Promise.resolve();
      if (state.name !== "unloading") state.apply("unload");
      return (unloading ??= leave().finally(() => (unloading = undefined)));
    },
    refuse() {
      stopLoading();
      // The supervisor has already reported why it gave up, which is more precise.
      if (state.name === "failed") return;
      const refuse = engine === undefined ? dispatcher.refuse : dispatcher.drain;
      refuse(new WaggleError("unavailable", "Cannot run the job: the worker is leaving.", { retryAfterS }));
    },
    abort() {
      stopLoading();
      dispatcher.abort(new WaggleError("unavailable", "The job was aborted: the worker is leaving."));
      // Clients that still watch the loading get this event, and then their streams end.
      if (loading.value.type === "loading") loading.set({ type: "failed", message: "The worker is leaving." });
    },
    async stop() {
      await Promise.all([modelHash.stop(), engine?.stop()]);
      // The engine sends no more events, so the jobs and queries that wait for them must end.
      dispatcher.onEngineLost(new WaggleError("unavailable", "The worker is leaving."));
    },
    close() {
      dispatcher.stop();
    },
  };
}
