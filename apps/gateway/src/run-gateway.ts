// Runs the gateway's process: starts the daemon from its configuration, and sets the exit code when the daemon has stopped.
import { systemClock } from "@waggle/async";
import { endOnDefects, leaveWith, startFailed } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { createTokenTable, reloadTokens } from "@waggle/daemon/tokens";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createDaemonScreen, createOutput } from "@waggle/daemon/terminal";
import { describeGateway, parseConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

/** @param program name of the command, for help and error texts */
export async function runGateway(
  argv: readonly string[],
  env: Environment,
  signals: Signals,
  program = "waggle-gateway",
): Promise<void> {
  const result = parseConfig(argv, env, describeGateway(program));
  if (result.kind === "run") return await run(result.config, signals, program);
  if (result.stdout !== undefined) process.stdout.write(result.stdout);
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  leaveWith(result.code);
}

async function run(config: GatewayConfig, signals: Signals, program: string): Promise<void> {
  const logLines = createLogRing();
  const screen =
    config.screen === undefined
      ? undefined
      : createDaemonScreen({ out: createOutput(process.stdout, config.screen.colors), clock: systemClock });
  const log = createLogger({
    quiet: config.quietLog,
    onLine: screen?.makeRoom,
    level: config.logLevel,
    format: config.logFormat,
    name: "waggle-gateway",
    ring: logLines,
  });
  endOnDefects(log);
  let table = createTokenTable(config.apiTokens);
  try {
    const daemon = await startDaemon({
      config,
      log,
      logLines,
      metrics: createWorkerMetrics(),
      clock: systemClock,
      tokens: () => table,
      screen,
      print(line) {
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
    leaveWith(await daemon.stopped);
  } catch (error) {
    leaveWith(startFailed(error, { program, screen: config.screen, log }));
  }
}
