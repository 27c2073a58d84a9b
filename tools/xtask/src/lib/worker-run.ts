// Owns one run of worker:test: hive, worker, one streamed answer, leaving. What does not hold is a failure with its reason.
import { randomBytes } from "node:crypto";
import {
  createLeftoverCheck,
  departure,
  killProcess,
  sourceCommand,
  startDaemon,
  wayOut,
  type Command,
  type Daemon,
  type DaemonName,
  type LeftoverCheck,
  type Leftovers,
  type ProcessGroups,
} from "@waggle/harness";
import type { HiveEvent } from "@waggle/protocol";
import { generate } from "./generate.ts";
import { followHive, type HiveFeed } from "./hive-feed.ts";
import type { Report } from "./report.ts";
import { createRun, type Run } from "./run.ts";
import { noFigures, type StreamFigures, type WorkerTestResult } from "./worker-test-result.ts";

export interface WorkerTestOptions {
  readonly workerCommand: Command;
  readonly prompt: string;
  readonly maxTokens: number;
  /** For the whole run; half of it is the longest silence of the stream. */
  readonly timeoutMs: number;
  readonly onLogLine: (daemon: DaemonName, line: string) => void;
  /** Aborts when the run is to end at once, whatever it is doing. */
  readonly interrupted: AbortSignal;
}

/** What the steps share. */
interface Stage {
  readonly options: WorkerTestOptions;
  readonly run: Run;
  readonly report: Report;
  readonly groups: ProcessGroups;
  readonly leftovers: LeftoverCheck;
  readonly workerId: string;
  readonly daemons: Daemon[];
  /** Ends the reading of the hive's feed. */
  readonly feedEnds: AbortController;
  feed: HiveFeed | undefined;
  figures: StreamFigures;
}

const heartbeatInterval = "1s";
/** Time to leave after SIGTERM: of an idle daemon, and of one in a run that has failed. */
const leaveLimitMs = 10_000;
const failedLeaveLimitMs = 2_000;
const silenceShare = 0.5;

/** Never rejects, and leaves no process behind; the result says what held. */
export async function runWorkerTest(
  options: WorkerTestOptions,
  groups: ProcessGroups,
  report: Report,
): Promise<WorkerTestResult> {
  const startedAt = performance.now();
  const stage = createStage(options, groups, report);
  const { run } = stage;
  const deadline = setTimeout(() => {
    run.abort(`Timed out after ${options.timeoutMs / 1_000} s, while ${run.doing}`);
  }, options.timeoutMs);
  options.interrupted.addEventListener("abort", () => run.abort(messageOf(options.interrupted.reason)), { once: true });

  try {
    await play(stage);
  } catch (error) {
    run.fail(messageOf(error));
  } finally {
    clearTimeout(deadline);
  }
  const left = await clear(stage);

  const result: WorkerTestResult = {
    ok: run.failures.length === 0,
    failures: run.failures,
    ...stage.figures,
    heartbeats: stage.feed?.events.items.filter(stage.feed.isHeartbeat).length ?? 0,
    registered: stage.feed?.events.items.some(stage.feed.isRegistration) ?? false,
    ports_free: left.ports.length === 0,
    processes_left: left.processes.length,
    duration_ms: Math.round(performance.now() - startedAt),
  };
  report.table(result);
  return result;
}

function createStage(options: WorkerTestOptions, groups: ProcessGroups, report: Report): Stage {
  return {
    options,
    run: createRun((message) => report.failure(message)),
    report,
    groups,
    leftovers: createLeftoverCheck(),
    workerId: `xtask-${process.pid}-${randomBytes(3).toString("hex")}`,
    daemons: [],
    feedEnds: new AbortController(),
    feed: undefined,
    figures: noFigures,
  };
}

/** The steps of a run in which everything holds. @throws the first reason why it cannot go on */
async function play(stage: Stage): Promise<void> {
  const { options, run, report } = stage;
  const hive = await startHive(stage);
  const worker = await startWorker(stage, hive);
  const leaders = [hive.daemon.pid, worker.daemon.pid];
  await stage.leftovers.observe(leaders);

  const stream = { url: `${worker.url}/v1/inference`, silenceMs: options.timeoutMs * silenceShare };
  run.begin("tokens were streaming");
  const body = { prompt: options.prompt, max_tokens: options.maxTokens };
  stage.figures = await generate(run, report, { ...stream, body });
  run.signal.throwIfAborted();

  await stage.leftovers.observe(leaders);
  await stopWorker(stage, worker.daemon, hive.feed);
  await stopDaemon(stage, hive.daemon);
}

interface Hive {
  readonly daemon: Daemon;
  readonly url: string;
  readonly feed: HiveFeed;
}

async function startHive(stage: Stage): Promise<Hive> {
  const { run, report } = stage;
  const daemon = await start(stage, "hive", []);
  const { url } = await run.wait("the hive was starting", daemon.line("listening", stage.options.timeoutMs));
  const feed = followHive({
    hiveUrl: url,
    workerId: stage.workerId,
    signal: stage.feedEnds.signal,
    onBroken: (error) => run.abort(`The hive's event feed broke while ${run.doing}: ${messageOf(error)}`),
  });
  stage.feed = feed;
  const isSnapshot = ({ type }: HiveEvent): boolean => type === "snapshot";
  await run.wait("the hive's event feed was opening", feed.events.first("its snapshot", isSnapshot, limitOf(stage)));
  report.step("Hive listens", url);
  return { daemon, url, feed };
}

async function startWorker(stage: Stage, hive: Hive): Promise<{ readonly daemon: Daemon; readonly url: string }> {
  const { run, report, workerId, options } = stage;
  const { events, isRegistration, isHeartbeat } = hive.feed;
  const limit = limitOf(stage);
  const flags = ["--hive-url", hive.url, "--worker-id", workerId, "--heartbeat-interval", heartbeatInterval];
  const daemon = await start(stage, "worker", ["--local-mode", ...flags], options.workerCommand);
  const { url } = await run.wait("the worker was starting", daemon.line("listening", options.timeoutMs));
  report.step("Worker listens", url);
  const registered = events.first("a registration", isRegistration, limit);
  await run.wait("the worker was loading and yet to register at the hive", registered);
  report.step("Registered at the hive", workerId);
  const { heartbeat } = await run.wait("the first heartbeat was due", events.first("a heartbeat", isHeartbeat, limit));
  report.step("First heartbeat arrived", `seq ${heartbeat.seq}, ${heartbeat.state}`);
  const ready = await run.wait("the model was loading", daemon.line("ready", options.timeoutMs));
  report.step("Model is ready", `${ready.model} (${ready.backend})`);
  return { daemon, url };
}

/** Both take these flags; what is written to their logs is told to the caller, and that one of them left by itself ends the run. */
async function start(
  stage: Stage,
  name: DaemonName,
  flags: readonly string[],
  command: Command = sourceCommand(name),
): Promise<Daemon> {
  const { run, options } = stage;
  run.signal.throwIfAborted();
  const daemon = await startDaemon(stage.groups, {
    name,
    command,
    flags: ["--port", "0", "--log-format", "json", ...flags],
    onLogLine: (line) => options.onLogLine(name, line),
    onUnexpectedExit: (gone, exit) => run.abort(departure(gone, exit, run.doing)),
  });
  stage.daemons.push(daemon);
  return daemon;
}

async function stopWorker(stage: Stage, worker: Daemon, { events, isDeregistration }: HiveFeed): Promise<void> {
  await stopDaemon(stage, worker);
  const deregistered = events.first("a deregistration", isDeregistration, limitOf(stage));
  await stage.run.wait("the worker was to deregister at the hive", deregistered);
  stage.report.step("Deregistered", `${stage.workerId} has left the hive`);
  stage.feedEnds.abort();
}

/** Of each wait; the run's own deadline comes first. */
function limitOf({ options }: Stage): { readonly limitMs: number } {
  return { limitMs: options.timeoutMs };
}

async function stopDaemon(stage: Stage, daemon: Daemon): Promise<void> {
  const { name } = daemon;
  const exit = await stage.run.wait(`the ${name} was leaving`, daemon.stop(leaveLimitMs));
  if (exit === undefined) throw new Error(`The ${name} did not leave within ${leaveLimitMs / 1_000} s of SIGTERM`);
  if (exit.code !== 0) stage.run.fail(`The ${name} ${wayOut(exit)} after SIGTERM, and 0 was due`);
  else stage.report.step(`The ${name} left`, "exit code 0 after SIGTERM");
}

/** Ends what still runs, says why where something failed, and looks for what is left; then nothing is. */
async function clear(stage: Stage): Promise<Leftovers> {
  const { run, report, daemons, leftovers } = stage;
  if (run.failures.length > 0) {
    explain(stage);
    await leftovers.observe(daemons.map(({ pid }) => pid));
    // The worker before its hive, to which it has something to say when it leaves.
    for (const daemon of daemons.toReversed()) await daemon.stop(failedLeaveLimitMs);
  }
  const left = await leftovers.check();
  for (const { pid, command } of left.processes) {
    killProcess(pid);
    run.fail(`Process ${pid} did not leave and was killed: ${command}`);
  }
  for (const port of left.ports) run.fail(`Port ${port} is still bound`);
  if (run.failures.length === 0) report.step("Nothing is left behind", "no process, no bound port");
  stage.groups.killAll();
  stage.feedEnds.abort();
  return left;
}

/** The logs in which something went wrong; where none has, the end of the worker's. */
function explain({ daemons, report }: Stage): void {
  const troubled = daemons.filter(({ log }) => log.hasTrouble);
  for (const { name, log } of troubled.length > 0 ? troubled : daemons.slice(-1)) {
    report.log(`The ${name}'s log:`, log.explanation());
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
