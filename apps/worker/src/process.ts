// Owns the worker as something to start: its own entry does, and so does `waggle serve`, in the process that is the daemon's from then on.
import type { ConfigResult } from "./config.ts";
import { listenForSignals } from "@waggle/daemon/signals";

type Environment = Readonly<Record<string, string | undefined>>;

/** As `waggle-worker` has it. Signals are heard first, since the rest takes a while to load; in the end the exit code is set. */
export async function runWorkerProcess(
  process: NodeJS.Process,
  argv: readonly string[],
  env: Environment,
): Promise<void> {
  const signals = listenForSignals(process);
  const { runWorker } = await import("./run-worker.ts");
  await runWorker(argv, env, signals);
}

/** As `waggle serve` has it: models stand without their flag. */
export async function serve(process: NodeJS.Process, argv: readonly string[], env: Environment): Promise<void> {
  const signals = listenForSignals(process);
  const [{ runWorker }, { serveArguments }] = await Promise.all([
    import("./run-worker.ts"),
    import("./config/serve-arguments.ts"),
  ]);
  await runWorker(serveArguments(argv), env, signals, { program: "waggle serve" });
}

/** What a worker would take as its settings, or why it would refuse them; as `waggle serve` reads both. */
export async function readSettings(argv: readonly string[], env: Environment): Promise<ConfigResult> {
  const [{ parseConfig }, { serveArguments }, { describeMachine }] = await Promise.all([
    import("./config.ts"),
    import("./config/serve-arguments.ts"),
    import("./config/machine.ts"),
  ]);
  return parseConfig(serveArguments(argv), env, describeMachine("waggle serve"));
}
