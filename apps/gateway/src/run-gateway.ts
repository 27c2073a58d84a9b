// Runs the gateway's process.
import { runDaemon, type Environment } from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { createWorkerMetrics } from "@waggle/telemetry";
import { describeGateway, parseConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

/** @param program name of the command, for help and error texts */
export async function runGateway(
  argv: readonly string[],
  env: Environment,
  signals: Signals,
  program?: string,
): Promise<void> {
  const metrics = createWorkerMetrics();
  await runDaemon({
    configuration: parseConfig(argv, env, describeGateway(program)),
    signals,
    metrics,
    start: async (context) => await startDaemon({ ...context, metrics }),
  });
}
