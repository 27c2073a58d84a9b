// Starts the private worker of a command: this program again, as `waggle serve` on a free port.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { SpawnError, spawnWorker, type SpawnedWorker } from "@waggle/client/spawn-worker";
import { exitCodes as codes } from "@waggle/protocol";
import { CliError } from "../cli-error.ts";
import type { CliConfig } from "../config.ts";
import { ownEnvironment } from "../local/own-environment.ts";

/** Time limit from the start of the process until its port is open. */
const listenLimitMs = 60_000;

export interface OwnWorker extends SpawnedWorker {
  readonly client: WorkerClient;
}

/**
 * @param models names, files or references; if empty, the embedded model
 * @throws CliError with the worker's reason when it does not start
 */
export async function startOwnWorker(
  { entry, env }: Pick<CliConfig, "entry" | "env">,
  models: readonly string[],
  signal: AbortSignal,
  flags: readonly string[] = [],
): Promise<OwnWorker> {
  try {
    const worker = await spawnWorker({
      command: [process.execPath, ...entry.execArgv, entry.path, "serve", ...models],
      // The jobs of one command are not kept after its end.
      flags: ["--history-size", "0", ...flags],
      env: ownEnvironment(env),
      until: "listening",
      limitMs: listenLimitMs,
      signal,
    });
    return { ...worker, client: createWorkerClient({ baseUrl: worker.url }) };
  } catch (error) {
    if (!(error instanceof SpawnError)) throw error;
    const { reason, exitCode } = error;
    // The command ends with the worker's reason and exit code, because the user can correct the mistake.
    if (reason !== undefined && exitCode !== null && isExplained(exitCode)) throw new CliError(reason, exitCode);
    throw new CliError(`Cannot start a worker: ${reason ?? error.message}`);
  }
}

/** Whether a worker that exits with this code has logged the reason: a mistake in the settings, the model or the port. */
function isExplained(code: number): boolean {
  const { badConfiguration, fileUnusable, unavailable, modelCannotBeLoaded } = codes;
  return [badConfiguration, fileUnusable, unavailable, modelCannotBeLoaded].some((one) => one === code);
}
