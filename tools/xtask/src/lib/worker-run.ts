// Owns one run of worker:test: hive, worker, one streamed answer, leaving. What does not hold is a failure with its reason.
import { randomBytes } from "node:crypto";
import { departure, startDaemon, wayOut, type Command, type Daemon, type DaemonName } from "./daemons.ts";
import { generate } from "./generate.ts";
import { watchHive, type HiveWatch } from "./hive-watch.ts";
import { createLeftoverCheck, type LeftoverCheck, type Leftovers } from "./leftovers.ts";
import { killProcess, type ProcessGroups } from "./process-group.ts";
import type { Report } from "./report.ts";
import { createRun, type Run } from "./run.ts";
import { noFigures, type StreamFigures, type WorkerTestResult } from "./worker-test-result.ts";

export interface WorkerTestOptions {
  readonly hiveCommand: Command;
  readonly workerCommand: Command;
  readonly env: NodeJS.ProcessEnv;
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
  readonly feed: AbortController;
  readonly daemons: Daemon[];
  watch: HiveWatch | undefined;
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
    heartbeats: stage.watch?.heartbeats ?? 0,
    registered: stage.watch?.sawRegistration ?? false,
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
    feed: new AbortController(),
    daemons: [],
    watch: undefined,
    figures: noFigures,
  };
}

/** The steps of a run in which everything holds. @throws the first reason why it cannot go on */
async function play(stage: Stage): Promise<void> {
  const { options, run, report } = stage;
  const hive = await startHive(stage);
  const worker = await startWorker(stage, hive);
  const leaders = [hive.daemon.group.pid, worker.daemon.group.pid];
  await stage.leftovers.observe(leaders);

  const stream = { url: `${worker.url}/v1/inference`, silenceMs: options.timeoutMs * silenceShare };
  run.begin("tokens were streaming");
  const body = { prompt: options.prompt, max_tokens: options.maxTokens };
  stage.figures = await generate(run, report, { ...stream, body });
  run.signal.throwIfAborted();

  await stage.leftovers.observe(leaders);
  await stopWorker(stage, worker.daemon, hive.watch);
  await stopDaemon(stage, hive.daemon);
}

interface Hive {
  readonly daemon: Daemon;
  readonly url: string;
  readonly watch: HiveWatch;
}

async function startHive(stage: Stage): Promise<Hive> {
  const { run, report } = stage;
  const daemon = await start(stage, "hive", stage.options.hiveCommand, []);
  const { url } = await run.wait("the hive was starting", daemon.listening);
  const watch = watchHive({
    hiveUrl: url,
    workerId: stage.workerId,
    signal: stage.feed.signal,
    onBroken: (error) => run.abort(`The hive's event feed broke while ${run.doing}: ${messageOf(error)}`),
  });
  stage.watch = watch;
  await run.wait("the hive's event feed was opening", watch.open);
  report.step("Hive listens", url);
  return { daemon, url, watch };
}

async function startWorker(stage: Stage, hive: Hive): Promise<{ readonly daemon: Daemon; readonly url: string }> {
  const { run, report, workerId } = stage;
  const flags = ["--hive-url", hive.url, "--worker-id", workerId, "--heartbeat-interval", heartbeatInterval];
  const daemon = await start(stage, "worker", stage.options.workerCommand, ["--local-mode", ...flags]);
  const { url } = await run.wait("the worker was starting", daemon.listening);
  report.step("Worker listens", url);
  await run.wait("the worker was loading and yet to register at the hive", hive.watch.registered);
  report.step("Registered at the hive", workerId);
  const { seq, state } = await run.wait("the first heartbeat was due", hive.watch.firstHeartbeat);
  report.step("First heartbeat arrived", `seq ${seq}, ${state}`);
  const ready = await run.wait("the model was loading", daemon.ready);
  report.step("Model is ready", `${ready.model} (${ready.backend})`);
  return { daemon, url };
}

/** Both take these flags; what is written to their logs is told to the caller, and that one of them left by itself ends the run. */
async function start(stage: Stage, name: DaemonName, command: Command, flags: readonly string[]): Promise<Daemon> {
  const { run, options } = stage;
  run.signal.throwIfAborted();
  const daemon = await startDaemon(stage.groups, {
    name,
    env: options.env,
    command: [...command, "--port", "0", "--log-format", "json", ...flags],
    onLogLine: (line) => options.onLogLine(name, line),
    onUnexpectedExit: (gone, exit) => run.abort(departure(gone, exit, run.doing)),
  });
  stage.daemons.push(daemon);
  return daemon;
}

async function stopWorker(stage: Stage, worker: Daemon, watch: HiveWatch): Promise<void> {
  await stopDaemon(stage, worker);
  await stage.run.wait("the worker was to deregister at the hive", watch.deregistered);
  stage.report.step("Deregistered", `${stage.workerId} has left the hive`);
  stage.feed.abort();
}

async function stopDaemon(stage: Stage, daemon: Daemon): Promise<void> {
  const { name } = daemon.group;
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
    await leftovers.observe(daemons.map(({ group }) => group.pid));
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
  stage.feed.abort();
  return left;
}

/** The logs in which something went wrong; where none has, the end of the worker's. */
function explain({ daemons, report }: Stage): void {
  const troubled = daemons.filter(({ log }) => log.hasTrouble);
  for (const { group, log } of troubled.length > 0 ? troubled : daemons.slice(-1)) {
    report.log(`The ${group.name}'s log:`, log.explanation());
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
