// Starts a worker in this process: as `waggle-worker`, or as `waggle serve`.
import type { ConfigResult, Environment } from "@waggle/daemon";
import { programStart } from "@waggle/daemon/signals";
import type { WorkerConfig } from "./config.ts";

export const runWorkerProcess = programStart(async () => (await import("./run-worker.ts")).runWorker);

/** Runs `waggle serve`. Its arguments without a flag are models. */
export const serve = programStart(async () => {
  const [{ runWorker }, { serveArguments }] = await Promise.all([
    import("./run-worker.ts"),
    import("./config/serve-arguments.ts"),
  ]);
  return async (argv, ...others) => await runWorker(serveArguments(argv), ...others);
}, "waggle serve");

/** The settings that `waggle serve` would use with these arguments and variables, or their problems. */
export async function readSettings(argv: readonly string[], env: Environment): Promise<ConfigResult<WorkerConfig>> {
  const [{ parseConfig }, { serveArguments }, { describeWorker }] = await Promise.all([
    import("./config.ts"),
    import("./config/serve-arguments.ts"),
    import("./config/machine.ts"),
  ]);
  return parseConfig(serveArguments(argv), env, describeWorker("waggle serve"));
}
