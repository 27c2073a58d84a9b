// Owns the worker that is measured: started for the run, with the flags that the run is about.
import { withTimeout } from "@waggle/async";
import { departure, sourceCommand, startDaemon, type Command } from "../daemons.ts";
import type { ProcessGroups } from "../process-group.ts";
import { repositoryPath } from "../repository.ts";

export interface BenchWorkerOptions {
  readonly groups: ProcessGroups;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly string[];
  /** Run what `pnpm build` made instead of the source. */
  readonly built: boolean;
}

/** A large model may take minutes to load. */
const readyLimitMs = 600_000;
const leaveLimitMs = 10_000;

export interface BenchWorker extends AsyncDisposable {
  readonly url: string;
  readonly model: string;
}

/** @throws Error with the reason from its log when it does not get ready */
export async function startBenchWorker({ groups, env, flags, built }: BenchWorkerOptions): Promise<BenchWorker> {
  const command: Command = built
    ? [process.execPath, repositoryPath("apps/worker/dist/main.js")]
    : sourceCommand("worker");
  let died: (error: Error) => void = () => {};
  const dead = new Promise<never>((_, reject) => (died = reject));
  const daemon = await startDaemon(groups, {
    name: "worker",
    command: [...command, "--local-mode", "--port", "0", "--log-format", "json", ...flags],
    env,
    onUnexpectedExit: (gone, exit) => died(new Error(departure(gone, exit, "the model was loading"))),
  });
  const { url, model } = await withTimeout(
    Promise.race([daemon.ready, dead]),
    readyLimitMs,
    "The worker did not get ready",
  );
  return {
    url,
    model,
    async [Symbol.asyncDispose]() {
      await daemon.stop(leaveLimitMs);
    },
  };
}
