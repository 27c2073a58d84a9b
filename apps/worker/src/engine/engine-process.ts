// Owns how the engine's process is started: its entry, its flags, its environment and its channels.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Of an engine's young generation, a third of it in use. Hardly anything that a step makes outlives the next one, and
 * with Node's own 16 the process grew by 150 MB over 10,000 jobs before anything was collected.
 */
const youngMiB = 4;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A system that has no memory, descriptor or process left may throw, or hand back a process without a pid that emits
 * `error` soon. Never kill one without a pid: the signal would go to this process's own group.
 */
export function forkEngine(env: Environment): ChildProcess {
  return fork(enginePath(), [], {
    execArgv: engineExecArgv(),
    env: engineEnv(env),
    // Its own output is llama.cpp's; it belongs to the log, never to our machine-readable stdout.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    serialization: "json",
  });
}

/** The sibling entry, in whichever form this file itself runs: .ts from source, .js from the build. */
function enginePath(): string {
  return fileURLToPath(new URL(`./engine-main${fromSource() ? ".ts" : ".js"}`, import.meta.url));
}

function engineExecArgv(): string[] {
  const source = fromSource() ? ["--conditions=waggle-source", "--import", import.meta.resolve("tsx")] : [];
  return ["--expose-gc", `--max-semi-space-size=${youngMiB}`, ...source];
}

function fromSource(): boolean {
  return import.meta.url.endsWith(".ts");
}

function engineEnv(inherited: Environment): NodeJS.ProcessEnv {
  const { WAGGLE_API_TOKEN: _, ...env } = inherited;
  return {
    ...env,
    // One thread in libuv's pool keeps every pass on the same thread: with more, two compute threads lose half their speed (decision 003).
    UV_THREADPOOL_SIZE: "1",
    // A build with OpenMP spins at barriers this long before it sleeps. Longer is up to 5 % faster when the machine is quiet, and when
    // neighbours want the cores it is what makes two threads collapse (decision 008).
    GOMP_SPINCOUNT: env["GOMP_SPINCOUNT"] ?? "2000",
    // glibc keeps what is freed at the top of its heap up to twice the largest block so far, unless it is given a number: 25 MB here.
    MALLOC_TRIM_THRESHOLD_: env["MALLOC_TRIM_THRESHOLD_"] ?? String(128 * 1_024),
    // With that number it no longer learns which blocks are common: those of 128 KiB and more would come from the system each time, zeroed.
    // A text of 262,144 emoji was tokenized in 2.7 s instead of 0.7, and held a stream up for 0.5 s instead of 0.1.
    MALLOC_MMAP_THRESHOLD_: env["MALLOC_MMAP_THRESHOLD_"] ?? String(2 * 1_048_576),
  };
}
