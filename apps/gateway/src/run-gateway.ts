// Owns the gateway as a process: what it is told becomes a daemon, and the daemon's end becomes an exit code.
import { systemClock } from "@waggle/async";
import { readTokens } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { PortTakenError, createTokenTable } from "@waggle/front";
import { WaggleError, exitCodes } from "@waggle/protocol";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import type { Logger } from "@waggle/telemetry";
import { parseConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

/** Everything is down by then; whatever still holds the event loop is a defect, and must not hold the process. */
const lastResortMs = 1_000;

export async function runGateway(argv: readonly string[], env: Environment, signals: Signals): Promise<void> {
  const result = parseConfig(argv, env);
  if (result.kind === "run") return await run(result.config, signals);
  if (result.stdout !== undefined) process.stdout.write(result.stdout);
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  leaveWith(result.code);
}

async function run(config: GatewayConfig, signals: Signals): Promise<void> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, name: "waggle-gateway" });
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(exitCodes.internal);
    });
  }
  let table = createTokenTable(config.apiTokens);
  try {
    const daemon = await startDaemon({
      config,
      log,
      metrics: createWorkerMetrics(),
      clock: systemClock,
      tokens: () => table,
      print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
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
    leaveWith(codeOf(error, log));
  }
}

function codeOf(error: unknown, log: Logger): number {
  if (error instanceof PortTakenError) {
    log.error(error.message);
    return exitCodes.portTaken;
  }
  if (error instanceof WaggleError && error.code === "invalid_argument") {
    log.error(error.message);
    return exitCodes.badConfiguration;
  }
  log.fatal({ err: error }, "Cannot start the gateway.");
  return exitCodes.internal;
}

/** Undefined when there is no file, or when it is broken: then the tokens stay as they are. */
function reloadTokens(config: GatewayConfig, log: Logger): ReturnType<typeof createTokenTable> | undefined {
  if (config.apiTokenFile === undefined) return undefined;
  try {
    const tokens = readTokens(config);
    log.info({ tokens: tokens.length }, "tokens_reloaded");
    return createTokenTable(tokens);
  } catch (error) {
    log.error({ err: error }, "Cannot reload the API tokens; the old ones stay.");
    return undefined;
  }
}

function leaveWith(code: number): void {
  process.exitCode = code;
  if (process.connected) process.disconnect();
  setTimeout(() => process.exit(code), lastResortMs).unref();
}
