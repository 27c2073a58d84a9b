// Runs the worker's process: reads the configuration, starts the daemon, and sets the exit code when the daemon has ended.
import { setFlagsFromString } from "node:v8";
import { systemClock } from "@waggle/async";
import { StartError, endOnDefects, leaveWith, startFailed, startTraces } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { createTokenTable, reloadTokens } from "@waggle/daemon/tokens";
import type { StdoutLine } from "@waggle/protocol";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { parseConfig } from "./config.ts";
import type { WorkerConfig } from "./config.ts";
import { describeWorker } from "./config/machine.ts";
import { startDaemon } from "./process/daemon.ts";
import { createWorkerScreen } from "./process/screen.ts";

/**
 * V8 flags that keep the daemon small: 110 MB after 10,000 jobs instead of 235 MB, at the same speed.
 * A V8 that lacks one of these flags prints a warning and continues.
 */
const heapFlags = [
  // How much the old generation may grow between two collections, in percent.
  "--heap-growing-percent=30",
  // Keeps the young generation at its initial size.
  "--semi-space-growth-factor=1",
];

/** @param program the command's name in messages */
export async function runWorker(
  argv: readonly string[],
  env: Environment,
  signals: Signals,
  program = "waggle-worker",
): Promise<void> {
  for (const flag of heapFlags) setFlagsFromString(flag);
  const result = parseConfig(argv, env, describeWorker(program));
  if (result.kind === "run") return await run(result.config, env, signals, program);
  if (result.stdout !== undefined) process.stdout.write(result.stdout);
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  leaveWith(result.code);
}

async function run(config: WorkerConfig, env: Environment, signals: Signals, program: string): Promise<void> {
  const screen =
    config.screen === undefined
      ? undefined
      : createWorkerScreen({ config, stream: process.stdout, colors: config.screen.colors, clock: systemClock });
  const logLines = createLogRing();
  const log = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    name: "waggle-worker",
    ring: logLines,
    quiet: config.quietLog,
    onLine: screen?.makeRoom,
  });
  endOnDefects(log);
  let table = createTokenTable(config.apiTokens);
  const metrics = createWorkerMetrics();
  const shared = { config, log, logLines, metrics, clock: systemClock };
  try {
    const tracing = await startTraces({
      ...shared,
      onSpans: (outcome, count) => metrics.traceSpans.inc({ outcome }, count),
    });
    const daemon = await startDaemon({
      ...shared,
      env,
      traces: tracing?.traces,
      screen,
      terminal:
        screen === undefined && process.stderr.isTTY && config.logFormat === "pretty" ? process.stderr : undefined,
      tokens: () => table,
      print(line: StdoutLine) {
        if (screen === undefined) process.stdout.write(`${JSON.stringify(line)}\n`);
      },
    });
    signals.connect({
      onDrain: daemon.drain,
      onAbort: daemon.abort,
      onReload: () => {
        table = reloadTokens(config, log) ?? table;
      },
    });
    const code = await daemon.stopped;
    screen?.stopped();
    await tracing?.stop();
    // Without `quietLog` the failure is already in the log.
    if (daemon.failure !== undefined && config.quietLog) throw new StartError(daemon.failure, code);
    leaveWith(code);
  } catch (error) {
    screen?.stopped();
    leaveWith(startFailed(error, { program, screen: config.screen, log }));
  }
}
