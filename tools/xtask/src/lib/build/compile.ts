// Owns one run of the library's own build: its command, its progress, and the lines that explain a failure.
import { createLog, until, wayOut, type ProcessGroups } from "@waggle/testing/harness";
import { withCompilerFixes } from "./compiler-fixes.ts";
import type { Workshop } from "./workshop.ts";

export interface CompileOptions {
  readonly workshop: Workshop;
  readonly release: string;
  readonly groups: ProcessGroups;
  /** @param share from 0 to 1 */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** A build takes three minutes on two cores; a small board may need an hour. */
const buildLimitMs = 2 * 3_600_000;

/** @throws Error with the end of the build's output when it fails; the signal's reason */
export async function compileEngine({ workshop, release, groups, onProgress, signal }: CompileOptions): Promise<void> {
  const log = createLog();
  const onLine = (line: string): void => {
    const share = buildShare(line);
    if (share !== undefined) onProgress(share);
    log.add(line);
  };
  const build = await groups.start({
    name: "engine-build",
    command: [
      process.execPath,
      workshop.cli,
      ...["source", "download", "--release", release, "--gpu", "false", "--noUsageExample"],
    ],
    env: withCompilerFixes(process.env, workshop.folder),
    onStdoutLine: onLine,
    onLogLine: onLine,
  });
  const exit = await until(build.exited, AbortSignal.any([signal, AbortSignal.timeout(buildLimitMs)]));
  if (exit.code === 0) return;
  throw new Error(
    `Cannot build the engine: the build ${wayOut(exit)}. Its last lines:\n${log.explanation().join("\n")}`,
  );
}

/** Parses the progress in a line of make's output: "[ 42%] Building CXX object …". */
export function buildShare(line: string): number | undefined {
  const percent = /^\[\s*(\d+)%\]/.exec(line)?.[1];
  return percent === undefined ? undefined : Number(percent) / 100;
}
