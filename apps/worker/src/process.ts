// Owns how a worker starts: as `waggle-worker`, and as `waggle serve`, in the process of the daemon.
import type { ConfigResult } from "@waggle/daemon";
import { listenForSignals } from "@waggle/daemon/signals";
import type { WorkerConfig } from "./config.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type StartWorker = (process: NodeJS.Process, argv: readonly string[], env: Environment) => Promise<void>;

/** `waggle-worker`. Listens for signals first, because the rest takes a while to load; at the end the exit code is set. */
export const runWorkerProcess: StartWorker = async (process, argv, env) => {
  const signals = listenForSignals(process);
  const { runWorker } = await import("./run-worker.ts");
  await runWorker(argv, env, signals);
};

/** `waggle serve`: a word without a flag is a model. */
export const serve: StartWorker = async (process, argv, env) => {
  const signals = listenForSignals(process);
  const [{ runWorker }, { serveArguments }] = await Promise.all([
    import("./run-worker.ts"),
    import("./config/serve-arguments.ts"),
  ]);
  await runWorker(serveArguments(argv), env, signals, "waggle serve");
};

/** The settings of a worker, or why it would refuse them; as `waggle serve` reads both. */
export async function readSettings(argv: readonly string[], env: Environment): Promise<ConfigResult<WorkerConfig>> {
  const [{ parseConfig }, { serveArguments }, { describeWorker }] = await Promise.all([
    import("./config.ts"),
    import("./config/serve-arguments.ts"),
    import("./config/machine.ts"),
  ]);
  return parseConfig(serveArguments(argv), env, describeWorker("waggle serve"));
}
