// Runs the gateway's process.
import { runDaemon } from "@waggle/daemon";
import type { RunProgram } from "@waggle/daemon/signals";
import { createWorkerMetrics } from "@waggle/telemetry";
import { describeGateway, parseConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

export const runGateway: RunProgram = async (argv, env, signals, program) => {
  const metrics = createWorkerMetrics();
  await runDaemon({
    configuration: parseConfig(argv, env, describeGateway(program)),
    signals,
    start: async (context) => await startDaemon({ ...context, metrics }),
  });
};
