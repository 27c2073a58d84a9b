// Owns a worker with several models without processes and sockets, for tests: the daemon's composition with an engine in this process for
// each file. The model files do not exist; only their names are used. The text of a stream contains the file's name, which shows which engine
// answered.
import { basename, join } from "node:path";
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { FakeBackendOptions } from "@waggle/engine";
import type { StepGate } from "@waggle/engine/testing";
import { createTokenTable } from "@waggle/daemon/tokens";
import type { App, HttpAccess } from "@waggle/front";
import { compileHere } from "@waggle/front/testing";
import { WaggleError } from "@waggle/protocol";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import type { Logger } from "@waggle/telemetry";
import type { Models } from "../models/list/models.ts";
import type { LoadPlan } from "../models/memory/pool.ts";
import { describeModel } from "../models/change/prepare.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";
import { createWorker } from "../worker.ts";
import { createInlineEngine } from "./inline-engine.ts";
import type { InlineEngine } from "./inline-engine.ts";
import { inlineConfigOf } from "./inline-worker.ts";

export interface SeveralModelsOptions {
  /** Names of the models; the file of each is `<name>.gguf`. No model is loaded at the start. */
  readonly models: readonly string[];
  /** Folder of the files, for tests with real files. */
  readonly folder?: string;
  /** Folder of downloads. By default the folder does not exist, and downloads are refused. */
  readonly modelsFolder?: string;
  /** Maximum number of models in memory at the same time; by default all. */
  readonly atOnce?: number;
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  readonly defaultModel?: string;
  readonly keepAliveMs?: number;
  readonly slots?: number;
  /** Gates by the name of a model: they hold up the passes of its file's engines. */
  readonly gates?: Readonly<Record<string, Pick<StepGate, "pass" | "open">>>;
  readonly fakes?: Readonly<Record<string, Partial<FakeBackendOptions>>>;
  /** Models whose engines load only when the test calls `load`. */
  readonly loadLater?: readonly string[];
  readonly clock?: Clock;
  readonly access?: Partial<HttpAccess>;
  /** A job of a model began. */
  readonly onUsed?: (file: string) => void;
}

export interface SeveralModels {
  readonly app: App;
  readonly models: Models;
  readonly failed: Promise<string>;
  /** Reads the models' files. */
  describeModels(): Promise<void>;
  /** Resolves with the nth engine made for the model's file, counted from 1, as soon as it is made. */
  engine(name: string, nth?: number): Promise<InlineEngine>;
  /** Number of engines made for the model's file. */
  engines(name: string): number;
  /** Number of jobs that reached an engine of the model's file. */
  answered(name: string): number;
  readonly log: Logger;
  readonly logLines: readonly Record<string, unknown>[];
  close(): Promise<void>;
}

const leastStayMs = 0;

export function createSeveralModels(options: SeveralModelsOptions): SeveralModels {
  const { models, clock = createFakeClock(), gates = {}, fakes = {}, loadLater = [] } = options;
  const logLines: Record<string, unknown>[] = [];
  const write = (line: string): void => void logLines.push(JSON.parse(line) as Record<string, unknown>);
  const log = createLogger({ level: "debug", format: "json", name: "test", destination: { write } });
  const config = {
    ...inlineConfigOf({ slots: options.slots, access: options.access }),
    defaultModel: options.defaultModel,
    offline: options.modelsFolder === undefined,
    modelsFolder: options.modelsFolder ?? "/nonexistent/waggle-models",
  };
  const made = new Map<string, InlineEngine[]>();
  const awaited = new Map<string, Deferred<InlineEngine>>();
  const modelFilePath = (name: string): string => join(options.folder ?? "", `${name}.gguf`);

  function prepare(host: ModelHost): LoadPlan | Promise<LoadPlan> {
    const { reference } = host.file;
    if (!models.map(modelFilePath).includes(reference))
      throw new WaggleError("unavailable", `Cannot load model ${reference}: no such file`);
    const plan = { memory: undefined };
    return options.folder === undefined ? plan : describe(host).then(() => plan);
  }

  async function describe(host: ModelHost): Promise<LoadPlan | undefined> {
    const offline = { folder: config.modelsFolder, offline: true };
    const { signal } = new AbortController();
    const silent = { onMissing: () => {}, onUnusedProjector: () => {} };
    return await describeModel(host, { resolve: offline, signal, budgetBytes: undefined, ...silent });
  }

  function awaitedEngine(name: string, nth: number): Deferred<InlineEngine> {
    const key = `${name} ${nth}`;
    const found = awaited.get(key) ?? deferred<InlineEngine>();
    awaited.set(key, found);
    return found;
  }

  const worker = createWorker({
    logLines: createLogRing(),
    config,
    given: models.map((name) => ({
      name,
      aliases: options.aliases?.[name] ?? [],
      reference: modelFilePath(name),
      source: "file",
      pinned: false,
    })),
    budget: { bytes: undefined, models: options.atOnce ?? models.length, leastStayMs },
    keepAliveMs: options.keepAliveMs ?? Infinity,
    prepare,
    log,
    metrics: createWorkerMetrics({ ofNode: false }),
    schemas: compileHere(clock),
    clock,
    tokens: options.access?.tokens ?? (() => createTokenTable([])),
    drain: () => worker.refuse(),
    url: () => "http://127.0.0.1:0",
    createEngine({ file: { reference } }) {
      const name = basename(reference, ".gguf");
      const engine = createInlineEngine({
        slots: config.modelSettings.slots,
        contextSize: 4_096,
        clock,
        gate: gates[name],
        fake: fakes[name],
        modelPath: `/models/${basename(reference)}`,
        loadLater: loadLater.includes(name),
      });
      const engines = made.get(name) ?? [];
      made.set(name, engines);
      awaitedEngine(name, engines.push(engine)).resolve(engine);
      return engine;
    },
    onDownloadProgress: () => {},
    onReady: () => {},
    onUsed: (file) => options.onUsed?.(file),
    describe,
  });
  worker.start();
  return {
    app: worker.app,
    models: worker.models,
    failed: worker.failed,
    describeModels: worker.describeModels,
    engine: (name, nth = 1) => awaitedEngine(name, nth).promise,
    engines: (name) => made.get(name)?.length ?? 0,
    answered(name) {
      const commands = (made.get(name) ?? []).flatMap((engine) => engine.commands);
      return commands.filter(({ type }) => type === "start").length;
    },
    log,
    logLines,
    async close() {
      worker.abort();
      await worker.stop();
      worker.close();
    },
  };
}
