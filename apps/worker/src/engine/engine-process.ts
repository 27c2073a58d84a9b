// Starts the engine's process: sets its entry, flags, environment and channels.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Environment } from "@waggle/daemon";

/**
 * Size of a semi-space, which is a third of V8's young generation. Few objects of a step outlive the next step. With Node's default of 16 MiB
 * the process grew by 150 MB over 10,000 jobs before V8 collected anything.
 */
const semiSpaceMiB = 4;

/**
 * Starts the process. On a system without free memory, descriptors or processes, the call may throw, or return a process
 * without a pid that soon emits `error`. Never kill a process without a pid: the signal would go to this process's group.
 */
export function forkEngine(env: Environment): ChildProcess {
  return fork(enginePath(), [], {
    execArgv: engineExecArgv(),
    env: engineEnv(env),
    // llama.cpp writes to the engine's output. It belongs in the log, because the worker's stdout is machine-readable.
    // The last pipe is `picturePipe`.
    stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
    // Every step costs more with the other serialization, and bytes of pictures cross over their own pipe (decision 109).
    serialization: "json",
  });
}

/** The entry file in this folder: .ts when run from source, .js in the build. */
function enginePath(): string {
  return fileURLToPath(new URL(`./engine-main${fromSource() ? ".ts" : ".js"}`, import.meta.url));
}

function engineExecArgv(): string[] {
  const source = fromSource() ? ["--import", import.meta.resolve("tsx")] : [];
  return [`--max-semi-space-size=${semiSpaceMiB}`, ...source];
}

function fromSource(): boolean {
  return import.meta.url.endsWith(".ts");
}

function engineEnv(inherited: Environment): NodeJS.ProcessEnv {
  const { WAGGLE_API_TOKEN: _, ...env } = inherited;
  return {
    ...env,
    // One thread in libuv's pool keeps every pass on the same thread: with more, two compute threads lose half their speed.
    UV_THREADPOOL_SIZE: "1",
    // Spins at a barrier, in builds with OpenMP. More are up to 5 % faster, but on busy cores two threads can almost stop (decision 008).
    GOMP_SPINCOUNT: env["GOMP_SPINCOUNT"] ?? "2000",
    // Without a fixed threshold glibc keeps freed memory at the top of its heap, up to twice the largest block so far: 25 MB here.
    MALLOC_TRIM_THRESHOLD_: env["MALLOC_TRIM_THRESHOLD_"] ?? String(128 * 1_024),
    // With a fixed trim threshold glibc no longer adapts this threshold: blocks of 128 KiB and more would come from the system each time,
    // zeroed. Tokenizing a text of 262,144 emoji took 2.7 s instead of 0.7 s, and delayed a stream by 0.5 s instead of 0.1 s.
    MALLOC_MMAP_THRESHOLD_: env["MALLOC_MMAP_THRESHOLD_"] ?? String(2 * 1_048_576),
  };
}
