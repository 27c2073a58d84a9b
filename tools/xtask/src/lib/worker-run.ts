// Runs worker:test once: hive, worker, one streamed answer, shutdown. A failed check is recorded with its reason.
import { randomBytes } from "node:crypto";
import {
  createLeftoverCheck,
  daemonCommand,
  departure,
  endLeftovers,
  errorText,
  startDaemon,
  stopwatch,
  wayOut,
  type Arrivals,
  type Command,
  type Daemon,
  type DaemonName,
  type LeftoverCheck,
  type Leftovers,
  type ProcessGroups,
} from "@waggle/testing/harness";
import type { HiveEvent } from "@waggle/protocol";
import { generate } from "./generate.ts";
import { followHive, isDeregistration, isHeartbeat, isRegistration, isSnapshot } from "./hive-feed.ts";
import type { Report } from "./report.ts";
import { createRun, type Run } from "./run.ts";
import { noFigures, type StreamFigures, type WorkerTestResult } from "./worker-test-result.ts";

export interface WorkerTestOptions {
  readonly workerCommand: Command;
  readonly prompt: string;
  readonly maxTokens: number;
  /** Time limit of the whole run. The stream may be silent for half of this time. */
  readonly timeoutMs: number;
  readonly onLogLine: (daemon: DaemonName, line: string) => void;
  /** Aborts when the run must end at once. */
  readonly interrupted: AbortSignal;
}

/** The state that the steps share. */
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
  feed: Arrivals<HiveEvent> | undefined;
  figures: StreamFigures;
}

const heartbeatInterval = "1s";
/** Without a model's name, the worker would begin with the model that was used last on this machine. */
const embeddedModel = "waggle-tiny-stories";
/** Time limit from SIGTERM to exit: for an idle daemon, and for a daemon of a failed run. */
const leaveLimitMs = 10_000;
const failedLeaveLimitMs = 2_000;
const silenceShare = 0.5;

/** Never rejects, and leaves no process behind. */
export async function runWorkerTest(
  options: WorkerTestOptions,
  groups: ProcessGroups,
  report: Report,
): Promise<WorkerTestResult> {
  const elapsed = stopwatch();
  const run = createRun((message) => report.failure(message));
  const workerId = `xtask-${process.pid}-${randomBytes(3).toString("hex")}`;
  const stage: Stage = {
    ...{ options, run, report, groups, workerId, daemons: [], feed: undefined, figures: noFigures },
    leftovers: createLeftoverCheck(),
    feedEnds: new AbortController(),
  };
  const deadline = setTimeout(() => {
    run.abort(`Timed out after ${options.timeoutMs / 1_000} s, while ${run.doing}`);
  }, options.timeoutMs);
  options.interrupted.addEventListener("abort", () => run.abort(errorText(options.interrupted.reason)), { once: true });

  try {
    await play(stage);
  } catch (error) {
    run.fail(errorText(error));
  } finally {
    clearTimeout(deadline);
  }
  report.rest();
  const left = await clear(stage);

  const events = stage.feed?.items ?? [];
  const result: WorkerTestResult = {
    ok: run.failures.length === 0,
    failures: run.failures,
    ...stage.figures,
    heartbeats: events.filter(isHeartbeat(workerId)).length,
    registered: events.some(isRegistration(workerId)),
    ports_free: left.ports.length === 0,
    processes_left: left.processes.length,
    duration_ms: Math.round(elapsed()),
  };
  report.table(result);
  return result;
}

/** Runs the steps in order. @throws the first reason why the run cannot continue */
async function play(stage: Stage): Promise<void> {
  const { options, run, report, leftovers, feedEnds, workerId } = stage;
  const limit = { limitMs: options.timeoutMs };
  const hive = await start(stage, "hive", daemonCommand("hive"), []);
  const feed = followHive(hive.url, feedEnds.signal, (error) =>
    run.abort(`The hive's event feed broke while ${run.doing}: ${errorText(error)}`),
  );
  stage.feed = feed;
  await run.wait("the hive's event feed was opening", feed.first("a snapshot", isSnapshot, limit));

  const flags = ["--hive-url", hive.url, "--worker-id", workerId, "--heartbeat-interval", heartbeatInterval];
  const model = options.workerCommand.includes("--model") ? [] : ["--model", embeddedModel];
  const worker = await start(stage, "worker", options.workerCommand, ["--local-mode", ...model, ...flags]);
  const registration = feed.first("a registration", isRegistration(workerId), limit);
  await run.wait("the worker was loading and yet to register at the hive", registration);
  report.step("Registered at the hive", workerId);
  const beat = await run.wait("the first heartbeat was due", feed.first("a heartbeat", isHeartbeat(workerId), limit));
  report.step("First heartbeat arrived", `seq ${beat.heartbeat.seq}, ${beat.heartbeat.state}`);
  report.doing("Loading the model");
  const ready = await run.wait("the model was loading", worker.daemon.line("ready", options.timeoutMs));
  report.step("Model is ready", `${ready.model} (${ready.backend})`);

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
  const deregistration = feed.first("a deregistration", isDeregistration(workerId), limit);
  await run.wait("the worker was to deregister at the hive", deregistration);
  report.step("Deregistered", `${workerId} has left the hive`);
  feedEnds.abort();
  await stopDaemon(stage, hive.daemon);
}

interface Listening {
  readonly daemon: Daemon;
  readonly url: string;
}

/** Starts a daemon. Its exit before the shutdown ends the run. */
async function start(stage: Stage, name: DaemonName, command: Command, flags: readonly string[]): Promise<Listening> {
  const { run, report, options } = stage;
  run.signal.throwIfAborted();
  report.doing(`Starting the ${name}`);
  const daemon = await startDaemon(stage.groups, {
    name,
    command,
    flags: ["--port", "0", "--log-format", "json", ...flags],
    onLogLine: (line) => options.onLogLine(name, line),
    onUnexpectedExit: (gone, exit) => run.abort(departure(gone, exit, run.doing)),
  });
  stage.daemons.push(daemon);
  const { url } = await run.wait(`the ${name} was starting`, daemon.line("listening", options.timeoutMs));
  report.step(`${name === "hive" ? "Hive" : "Worker"} listens`, url);
  return { daemon, url };
}

async function stopDaemon({ run, report }: Stage, daemon: Daemon): Promise<void> {
  const { name } = daemon;
  report.doing(`Stopping the ${name}`);
  const exit = await run.wait(`the ${name} was leaving`, daemon.stop(leaveLimitMs));
  if (exit === undefined) throw new Error(`The ${name} did not exit within ${leaveLimitMs / 1_000} s of SIGTERM`);
  if (exit.code !== 0) run.fail(`The ${name} ${wayOut(exit)} after SIGTERM instead of exit code 0`);
  else report.step(`The ${name} left`, "exit code 0 after SIGTERM");
}

/** Ends the daemons, prints the logs of a failed run, and reports and ends leftover processes. */
async function clear({ run, report, daemons, leftovers, groups, feedEnds }: Stage): Promise<Leftovers> {
  if (run.failures.length > 0) {
    // Print the logs that have warnings or errors. If no log has any, print the end of the last daemon's log.
    const troubled = daemons.filter(({ log }) => log.hasTrouble);
    for (const { name, log } of troubled.length > 0 ? troubled : daemons.slice(-1)) {
      report.log(`The ${name}'s log:`, log.explanation());
    }
    await leftovers.observe(daemons.map(({ pid }) => pid));
    // The worker stops before its hive, because the worker deregisters at the hive.
    for (const daemon of daemons.toReversed()) await daemon.stop(failedLeaveLimitMs);
  }
  const left = await leftovers.check();
  for (const failure of endLeftovers(left)) run.fail(failure);
  if (run.failures.length === 0) report.step("Nothing is left behind", "no process, no bound port");
  groups.killAll();
  feedEnds.abort();
  return left;
}
