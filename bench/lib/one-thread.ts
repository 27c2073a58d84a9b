// Owns how a script runs with one thread in its pool, as the engine does in the worker: Node reads that size once, when it starts.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** With this process's arguments, and its exit code becomes ours. */
export async function runWithOneThread(script: URL): Promise<void> {
  const child = fork(fileURLToPath(script), process.argv.slice(2), {
    execArgv: ["--conditions=waggle-source", "--import", import.meta.resolve("tsx")],
    env: { UV_THREADPOOL_SIZE: "1" },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
