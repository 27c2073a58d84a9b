// Owns a worker without processes and sockets, for tests: the daemon's composition with an engine in this process.
import type { Clock } from "@waggle/async";
import type { EngineCommand, FakeBackend, FakeBackendOptions } from "@waggle/engine";
import type { StepGate } from "@waggle/engine/testing";
import { createTokenTable } from "@waggle/daemon/tokens";
import { compileHere } from "@waggle/front/testing";
import type { App, ClientAccounts, HttpAccess, Mcp } from "@waggle/front";
import type { Dispatcher, JobLimits, JobRegistry, Lane } from "@waggle/jobs";
import type { SlotStatus } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { createLogRing, createLogger, createWorkerMetrics, type DayLog } from "@waggle/telemetry";
import { parseConfig } from "../config.ts";
import type { WorkerConfig } from "../config.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";
import { createWorker } from "../worker.ts";
import type { WorkerState } from "../report/worker-state.ts";
import { createInlineEngine } from "./inline-engine.ts";
import type { InlineEngine, InlineEngineOptions, InlineLink } from "./inline-engine.ts";

type PictureSettings = Pick<
  WorkerConfig,
  "maxPictureBytes" | "maxPictures" | "maxPicturesBytes" | "picturesTotalBytes"
>;

export interface InlineWorkerOptions extends Pick<
  InlineEngineOptions,
  "preparedBytes" | "headroomCells" | "wrap" | "modelPath"
> {
  readonly slots?: number | undefined;
  readonly contextSize?: number;
  /** Name that the model is served under; by default the name in its file. */
  readonly modelRef?: string;
  readonly queueCapacity?: number;
  readonly clock?: Clock;
  readonly gate?: Pick<StepGate, "pass" | "open">;
  readonly limits?: Partial<JobLimits>;
  readonly fake?: Partial<FakeBackendOptions>;
  /** Number of ended jobs that can be replayed; 1,000 by default. */
  readonly endedJobsKept?: number;
  readonly access?: Partial<HttpAccess> | undefined;
  readonly maxBodyBytes?: number;
  readonly pictures?: Partial<PictureSettings>;
  readonly allowedMediaHosts?: readonly string[];
  readonly clientQueueShare?: number;
  readonly maxStreamsPerClient?: number;
  /** Loads only when the test calls `load`; by default the engine is ready from the start. */
  readonly loadLater?: boolean;
  readonly link?: InlineLink;
  readonly mcp?: Mcp | undefined;
  readonly lane?: Lane | undefined;
  readonly day?: DayLog | undefined;
}

export interface InlineWorker {
  readonly app: App;
  readonly accounts: ClientAccounts;
  readonly host: ModelHost;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly state: WorkerState;
  readonly backend: () => FakeBackend;
  readonly slots: () => readonly SlotStatus[];
  /** All log lines so far. */
  readonly logLines: readonly Record<string, unknown>[];
  /** All commands to the engine so far, in order. */
  readonly commands: readonly EngineCommand[];
  /** Number of jobs whose work the engine has prepared and not started. */
  readonly preparedJobs: number;
  load(): void;
  emit: InlineEngine["emit"];
  /** Kills the engine without a message, as a killed process dies. */
  kill(message?: string): void;
  close(): Promise<void>;
}

export const testLimits: JobLimits = {
  replayBufferBytes: 1_048_576,
  pingIntervalMs: 15_000,
  readerStallTimeoutMs: 30_000,
  reconnectGraceMs: 5_000,
  retryGraceMs: 0,
  unclaimedTimeoutMs: 30_000,
  supersedeTimeoutMs: 2_000,
  defaultMaxTokens: undefined,
  defaultRepetitionLimit: undefined,
};

export function createInlineWorker(options: InlineWorkerOptions = {}): InlineWorker {
  const clock = options.clock ?? createFakeClock();
  const logLines: Record<string, unknown>[] = [];
  const ring = createLogRing({ day: options.day });
  const log = createLogger({
    ring,
    level: "debug",
    format: "json",
    name: "test",
    destination: { write: (line: string) => void logLines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const config = inlineConfigOf(options);
  let engine: InlineEngine | undefined;
  const worker = createWorker({
    logLines: ring,
    config,
    given: [{ name: config.modelRef, aliases: [], reference: "waggle-fake", source: "fake", pinned: false }],
    budget: { bytes: undefined, models: 1, leastStayMs: 0 },
    keepAliveMs: Infinity,
    prepare: () => ({ memory: undefined }),
    log,
    metrics: createWorkerMetrics({ ofNode: false }),
    schemas: compileHere(clock),
    clock,
    mcp: options.mcp,
    lane: options.lane,
    day: options.day,
    tokens: options.access?.tokens ?? (() => createTokenTable([])),
    drain: () => worker.refuse(),
    url: () => "http://127.0.0.1:0",
    createEngine() {
      const { slots, contextSize = 4_096 } = config.modelSettings;
      const { loadLater = false } = options;
      return (engine = createInlineEngine({ ...options, slots, contextSize, clock, loadLater }));
    },
    onDownloadProgress: () => {},
    onReady: () => {},
  });
  worker.start();
  if (engine === undefined) throw new Error("The host has made no engine");
  const inline = engine;
  const host = worker.models.find(undefined).current;
  return {
    app: worker.app,
    accounts: worker.accounts,
    host,
    dispatcher: host.dispatcher,
    registry: worker.registry,
    state: worker.state,
    backend: () => inline.backend,
    slots: () => host.slots,
    logLines,
    commands: inline.commands,
    get preparedJobs() {
      return inline.preparedJobs;
    },
    load: inline.load,
    emit: inline.emit,
    kill: inline.kill,
    async close() {
      worker.abort();
      await worker.stop();
      worker.close();
    },
  };
}

const parsed = parseConfig(["--local-mode", "--backend", "fake", "--worker-id", "test", "--log-format", "json"], {});

/** The daemon's defaults, changed by the options of the test. */
export function inlineConfigOf(options: InlineWorkerOptions): WorkerConfig {
  const { access = {}, limits = {} } = options;
  if (parsed.kind === "exit") throw new Error(parsed.stderr);
  return {
    ...parsed.config,
    ...testLimits,
    ...limits,
    modelSettings: { ...parsed.config.modelSettings, slots: options.slots ?? 2, contextSize: options.contextSize },
    modelRef: options.modelRef,
    // No test downloads from a hub.
    offline: true,
    queueCapacity: options.queueCapacity ?? 8,
    replayWindowMs: 60_000,
    answerWindowMs: 1_800_000,
    endedJobsKept: options.endedJobsKept ?? 1_000,
    maxBodyBytes: options.maxBodyBytes ?? 4 << 20,
    ...options.pictures,
    allowedMediaHosts: options.allowedMediaHosts,
    clientQueueShare: options.clientQueueShare ?? parsed.config.clientQueueShare,
    maxStreamsPerClient: options.maxStreamsPerClient ?? 1_000,
    localMode: access.localMode ?? true,
    allowedHosts: access.allowedHosts ?? [],
    advertiseUrl: access.advertiseUrl,
    allowedOrigins: access.allowedOrigins ?? [],
    openMetrics: access.openMetrics ?? false,
  };
}
