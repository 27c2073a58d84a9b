// Owns everything of one served file: its engine, queue, jobs, state, name, hash and measurements. It knows no HTTP, no hive and no other
// model. The pool decides when it loads and unloads.
import { basename, dirname } from "node:path";
import { createCondition, inBackground } from "@waggle/async";
import type { BackendInfo, Measurement } from "@waggle/engine";
import { createJobHost } from "@waggle/jobs";
import type { Fingerprints } from "@waggle/jobs";
import { shownReference } from "@waggle/models/download";
import { WaggleError } from "@waggle/protocol";
import type { SlotStatus } from "@waggle/protocol";
import type { EngineDeath, EngineHost, EngineOwner } from "../../engine/engine-host.ts";
import { createEngineMetrics } from "../../engine/engine-metrics.ts";
import { createEngineExecutor } from "./engine-executor.ts";
import { createModelHash } from "./model-hash.ts";
import type { LoadFailure, ModelHost, ModelHostOptions } from "./model-host-port.ts";
import { createModelState, loadingEventOf } from "./model-state.ts";
import { withoutFolders } from "./shown-message.ts";

/** More threads than any machine has. */
const noThreadLimit = 4_096;

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { log, metrics, file } = options;
  const state = createModelState();
  let name = options.name ?? basename(shownReference(file.reference), ".gguf");
  let slots: readonly SlotStatus[] = [];
  let engine: EngineHost | undefined;
  let info: BackendInfo | undefined;
  let leaving = false;
  let failure: LoadFailure | undefined;
  const past = { starts: 0, deaths: 0 };
  const loads = { count: 0, lastMs: 0 };
  let unloading: Promise<void> | undefined;
  let threadLimit: number | undefined;
  const measured = () => metrics.ofModel(name);
  const engineMetrics = createEngineMetrics(measured);
  const isReady = (): boolean => state.name === "ready" && engine?.ready === true;
  const executor = createEngineExecutor({
    clock: options.clock,
    ready: isReady,
    slots: () => info?.slots ?? file.settings.slots,
    contextSize: () => info?.contextSize,
    send: (command) => engine?.send(command),
  });
  const jobs = createJobHost({
    ...options,
    observers: options.observers ?? [],
    server: "worker",
    executor,
    model: () => name,
    fingerprints,
  });
  const { dispatcher, loading } = jobs;
  const notLoading = createCondition(() => state.name !== "loading");
  const modelHash = createModelHash({ folder: options.modelsFolder, idle, log });
  // The first listener, so that other listeners find the loading event of the new state.
  state.onChange(showLoading);
  state.onChange(notLoading.check);

  /** Resolves when the model does not load and no job is live. */
  async function idle(): Promise<void> {
    await notLoading.wait();
    await dispatcher.idle();
  }

  function showLoading(): void {
    const event = loadingEventOf(state, name);
    if (event !== undefined) loading.set(event);
  }

  function shownMessage(message: string): string {
    const folders = [options.modelsFolder, dirname(file.facts?.path ?? file.reference)];
    return options.localMode ? message : withoutFolders(message, folders);
  }

  function fingerprints(): Fingerprints {
    const { modelPath, templateSha256 } = info ?? {};
    return {
      modelSha256: modelHash.sha256,
      modelFile: modelPath === undefined ? undefined : basename(modelPath),
      templateSha256,
    };
  }

  /** Ignores the events of an engine that another engine has replaced. */
  function ownerOf(mine: EngineHost): EngineOwner {
    return {
      get busy() {
        return dispatcher.sequences > 0;
      },
      get preparing() {
        return executor.preparing;
      },
      started() {
        measured().begin();
        measured().engineStarts.inc();
        // Before the model is ready: a fleet continues a job elsewhere only if the hash was known when the job was taken.
        modelHash.follow(file.facts?.path);
      },
      loading(progress) {
        if (engine !== mine) return;
        state.advance(progress);
        showLoading();
      },
      job: (message) => void (engine === mine && executor.take(message)),
      measured: (measurement) => void (engine === mine && onMeasured(measurement)),
      ready: (found, loadMs) => void (engine === mine && onReady(found, loadMs)),
      died(death) {
        measured().engineDeaths.inc({ reason: death.reason });
        slots = [];
        engineMetrics.gone();
        if (engine === mine) onDeath(death);
      },
    };
  }

  function onMeasured(measurement: Measurement): void {
    if (measurement.type === "step") slots = measurement.slots ?? slots;
    if (measurement.type === "step_costs") dispatcher.measured(measurement.costs);
    engineMetrics.record(measurement);
  }

  function onReady(found: BackendInfo, tookMs: number): void {
    info = found;
    loads.count += 1;
    loads.lastMs = tookMs;
    threadLimit = undefined;
    failure = undefined;
    file.former = undefined;
    file.loaded = file.reference;
    if (options.name === undefined) takeName(found.modelName);
    const facts = {
      model: name,
      load_ms: Math.round(tookMs),
      context_size: found.contextSize,
      context_pool: found.contextPool,
      slots: found.slots,
    };
    log.info(facts, "model_ready");
    if (state.name === "loading") state.apply("loaded");
    executor.wake();
  }

  function onDeath({ message, wasReady, final }: EngineDeath): void {
    if (wasReady) {
      const shown = shownMessage(message);
      if (state.name === "ready") state.apply("load", `the engine is restarting: ${shown}`);
      executor.lose(new WaggleError("engine_failed", shown));
    }
    if (final !== undefined) fail(final);
  }

  /** Moves the counts from the old name to the new name. */
  function takeName(own: string): void {
    if (own === name) return;
    inBackground("rename the counts of a model", metrics.renameModel(name, own));
    name = own;
    measured().begin();
  }

  function fail(message: string): void {
    const { former } = file;
    failure = { message, shown: shownMessage(message), isFinal: former === undefined };
    if (former !== undefined) Object.assign(file, former, { former: undefined });
    state.apply("fail", failure.shown);
    if (former === undefined) dispatcher.refuse(new WaggleError("unavailable", failure.shown));
  }

  /** Prevents further loads. */
  function stopLoading(): void {
    leaving = true;
    if (state.name === "waiting" || state.name === "downloading") state.apply("give_way");
  }

  function addPast({ starts, deaths }: EngineHost): void {
    past.starts += starts;
    past.deaths += deaths;
  }

  async function leave(): Promise<void> {
    // The model's other jobs run to their ends.
    dispatcher.yieldLane();
    await dispatcher.still();
    const left = engine;
    if (left !== undefined) {
      await left.stop();
      addPast(left);
      engine = undefined;
      engineMetrics.gone();
      slots = [];
    }
    // Open queries fail, and waiting jobs get the status that the model loads again.
    executor.lose(new WaggleError("unavailable", "The model was unloaded.", { retryAfterS: 1 }));
    if (state.name === "unloading") state.apply("unloaded");
  }

  return {
    ...jobs,
    get name() {
      return name;
    },
    file,
    state,
    get ready() {
      return isReady();
    },
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
    downloading(progress, transfer) {
      if (state.name === "waiting") state.apply("download");
      if (state.name !== "downloading") return;
      state.advance(progress);
      showLoading();
      options.onDownloadProgress(progress, transfer);
    },
    wait(why) {
      dispatcher.accept();
      state.apply("wait", why);
    },
    giveWay: () => state.apply("give_way"),
    replaceFile(next) {
      const { reference, source, facts } = file;
      Object.assign(file, next, { facts: undefined, former: { reference, source, facts } });
      // Another model cannot continue after this model's tokens.
      dispatcher.onModelChanged();
      info = undefined;
    },
    load() {
      if (leaving) return;
      state.apply("load", "the model is loading");
      if (engine !== undefined) addPast(engine);
      engine = options.createEngine({ key: options.key, name, file });
      engine.start(ownerOf(engine));
    },
    fail,
    unload() {
      if (state.name === "unloaded") return Promise.resolve();
      if (state.name !== "unloading") state.apply("unload");
      return (unloading ??= leave().finally(() => (unloading = undefined)));
    },
    refuse() {
      stopLoading();
      // The model's failure has already refused the jobs, with a more precise reason.
      if (state.name !== "failed") jobs.refuse(engine !== undefined);
    },
    abort() {
      stopLoading();
      executor.abandon();
      jobs.abort();
    },
    async stop() {
      await Promise.all([modelHash.stop(), engine?.stop()]);
      // The engine sends no more events, so the jobs and queries that wait for them must end.
      executor.lose(new WaggleError("unavailable", "The worker is leaving."));
    },
  };
}
