// Owns the gateway as a process: what it is told becomes a daemon, and the daemon's end becomes an exit code.
import { systemClock } from "@waggle/async";
import { endOnDefects, leaveWith, reloadTokens, startFailed } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { createTokenTable } from "@waggle/front";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createDaemonScreen, createOutput } from "@waggle/terminal";
import { parseConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

export async function runGateway(argv: readonly string[], env: Environment, signals: Signals): Promise<void> {
  const result = parseConfig(argv, env);
  if (result.kind === "run") return await run(result.config, signals);
  if (result.stdout !== undefined) process.stdout.write(result.stdout);
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  leaveWith(result.code);
}

async function run(config: GatewayConfig, signals: Signals): Promise<void> {
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
    leaveWith(startFailed(error, { program: "waggle-gateway", screen: config.screen, log }));
  }
}
