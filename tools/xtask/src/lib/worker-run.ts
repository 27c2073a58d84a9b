// Owns one run of worker:test: hive, worker, one streamed answer, leaving. What does not hold is a failure with its reason.
import { randomBytes } from "node:crypto";
import { createLeftoverCheck, departure, endLeftovers, sourceCommand, startDaemon, wayOut } from "@waggle/harness";
import type { Command, Daemon, DaemonName, LeftoverCheck, Leftovers, ProcessGroups } from "@waggle/harness";
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
  const run = createRun((message) => report.failure(message));
  const stage: Stage = {
    ...{ options, run, report, groups, daemons: [], feed: undefined, figures: noFigures },
    leftovers: createLeftoverCheck(),
    workerId: `xtask-${process.pid}-${randomBytes(3).toString("hex")}`,
    feedEnds: new AbortController(),
  };
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
    heartbeats: stage.feed?.heartbeats ?? 0,
    registered: stage.feed?.sawRegistration ?? false,
    ports_free: left.ports.length === 0,
    processes_left: left.processes.length,
    duration_ms: Math.round(performance.now() - startedAt),
  };
  report.table(result);
  return result;
}

/** The steps of a run in which everything holds. @throws the first reason why it cannot go on */
async function play(stage: Stage): Promise<void> {
  const { options, run, report, leftovers } = stage;
  const hive = await startHive(stage);
  const worker = await startWorker(stage, hive.url, hive.feed);
  const leaders = [hive.daemon.pid, worker.daemon.pid];
  await leftovers.observe(leaders);

  run.doing = "tokens were streaming";
  stage.figures = await generate(run, report, {
    url: `${worker.url}/v1/inference`,
    silenceMs: options.timeoutMs * silenceShare,
    body: { prompt: options.prompt, max_tokens: options.maxTokens },
  });
  run.signal.throwIfAborted();

  await leftovers.observe(leaders);
  await stopDaemon(stage, worker.daemon);
  await run.wait("the worker was to deregister at the hive", hive.feed.deregistered());
  report.step("Deregistered", `${stage.workerId} has left the hive`);
  stage.feedEnds.abort();
  await stopDaemon(stage, hive.daemon);
}

interface Listening {
  readonly daemon: Daemon;
  readonly url: string;
}

async function startHive(stage: Stage): Promise<Listening & { readonly feed: HiveFeed }> {
  const { run, report, options, workerId } = stage;
  const daemon = await start(stage, "hive", sourceCommand("hive"), []);
  const { url } = await run.wait("the hive was starting", daemon.line("listening", options.timeoutMs));
  const feed = followHive({
    ...{ hiveUrl: url, workerId, limitMs: options.timeoutMs, signal: stage.feedEnds.signal },
    onBroken: (error) => run.abort(`The hive's event feed broke while ${run.doing}: ${messageOf(error)}`),
  });
  stage.feed = feed;
  await run.wait("the hive's event feed was opening", feed.opened());
  report.step("Hive listens", url);
  return { daemon, url, feed };
}

async function startWorker(stage: Stage, hiveUrl: string, feed: HiveFeed): Promise<Listening> {
  const { run, report, workerId, options } = stage;
  const flags = ["--hive-url", hiveUrl, "--worker-id", workerId, "--heartbeat-interval", heartbeatInterval];
  const daemon = await start(stage, "worker", options.workerCommand, ["--local-mode", ...flags]);
  const { url } = await run.wait("the worker was starting", daemon.line("listening", options.timeoutMs));
  report.step("Worker listens", url);
  await run.wait("the worker was loading and yet to register at the hive", feed.registered());
  report.step("Registered at the hive", workerId);
  const { seq, state } = await run.wait("the first heartbeat was due", feed.heartbeat());
  report.step("First heartbeat arrived", `seq ${seq}, ${state}`);
  const ready = await run.wait("the model was loading", daemon.line("ready", options.timeoutMs));
  report.step("Model is ready", `${ready.model} (${ready.backend})`);
  return { daemon, url };
}

/** Both take these flags; what is written to their logs is told to the caller, and that one of them left by itself ends the run. */
async function start(stage: Stage, name: DaemonName, command: Command, flags: readonly string[]): Promise<Daemon> {
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

async function stopDaemon({ run, report }: Stage, daemon: Daemon): Promise<void> {
  const { name } = daemon;
  const exit = await run.wait(`the ${name} was leaving`, daemon.stop(leaveLimitMs));
  if (exit === undefined) throw new Error(`The ${name} did not leave within ${leaveLimitMs / 1_000} s of SIGTERM`);
  if (exit.code !== 0) run.fail(`The ${name} ${wayOut(exit)} after SIGTERM, and 0 was due`);
  else report.step(`The ${name} left`, "exit code 0 after SIGTERM");
}

/** Ends what still runs, says why where something failed, and looks for what is left; then nothing is. */
async function clear({ run, report, daemons, leftovers, groups, feedEnds }: Stage): Promise<Leftovers> {
  if (run.failures.length > 0) {
    // The logs in which something went wrong; where none has, the end of the worker's.
    const troubled = daemons.filter(({ log }) => log.hasTrouble);
    for (const { name, log } of troubled.length > 0 ? troubled : daemons.slice(-1)) {
      report.log(`The ${name}'s log:`, log.explanation());
    }
    await leftovers.observe(daemons.map(({ pid }) => pid));
    // The worker before its hive, to which it has something to say when it leaves.
    for (const daemon of daemons.toReversed()) await daemon.stop(failedLeaveLimitMs);
  }
  const left = await leftovers.check();
  for (const failure of endLeftovers(left)) run.fail(failure);
  if (run.failures.length === 0) report.step("Nothing is left behind", "no process, no bound port");
  groups.killAll();
  feedEnds.abort();
  return left;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
