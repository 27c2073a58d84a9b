// Starts a worker in this process: as `waggle-worker`, or as `waggle serve`.
import type { ConfigResult, Environment } from "@waggle/daemon";
import { listenForSignals } from "@waggle/daemon/signals";
import type { WorkerConfig } from "./config.ts";

type StartWorker = (process: NodeJS.Process, argv: readonly string[], env: Environment) => Promise<void>;

/** Runs `waggle-worker` and sets the exit code at the end. Listens for signals first, because the imports take a while. */
export const runWorkerProcess: StartWorker = async (process, argv, env) => {
  const signals = listenForSignals(process);
  const { runWorker } = await import("./run-worker.ts");
  await runWorker(argv, env, signals);
};

/** Runs `waggle serve`. Its arguments without a flag are models. */
export const serve: StartWorker = async (process, argv, env) => {
  const signals = listenForSignals(process);
  const [{ runWorker }, { serveArguments }] = await Promise.all([
    import("./run-worker.ts"),
    import("./config/serve-arguments.ts"),
  ]);
  await runWorker(serveArguments(argv), env, signals, "waggle serve");
};

/** The settings that `waggle serve` would use with these arguments and variables, or their problems. */
export async function readSettings(argv: readonly string[], env: Environment): Promise<ConfigResult<WorkerConfig>> {
  const [{ parseConfig }, { serveArguments }, { describeWorker }] = await Promise.all([
    import("./config.ts"),
    import("./config/serve-arguments.ts"),
    import("./config/machine.ts"),
  ]);
  return parseConfig(serveArguments(argv), env, describeWorker("waggle serve"));
}
