// Owns the reaction of a command to SIGINT, SIGTERM and SIGHUP: its children are killed, and the exit code names the signal.
import { constants } from "node:os";
import { OptionError } from "../command-line/options.ts";
import { errorText } from "../error-text.ts";
import { createProcessGroups, type ProcessGroups } from "./process-group.ts";

export interface CommandEnding {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** 128 plus the number of the first signal; undefined before a signal. */
  readonly exitCode: number | undefined;
  dispose(): void;
}

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Signals within this time count as one: under npx and pnpm, a Ctrl-C arrives several times within milliseconds. */
const sameSignalMs = 300;

/**
 * Calls `killChildren` at SIGINT, SIGTERM and SIGHUP, and when this process exits, for example after an uncaught exception. The first signal
 * does not exit, because the caller may have to write a report; a second signal does.
 */
export function onEnding(killChildren: () => void): CommandEnding {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let firstAt = 0;

  function end(signal: (typeof endingSignals)[number]): void {
    killChildren();
    if (exitCode !== undefined && performance.now() - firstAt > sameSignalMs) process.exit(exitCode);
    if (exitCode === undefined) firstAt = performance.now();
    exitCode ??= 128 + constants.signals[signal];
    controller.abort(new Error(`Interrupted by ${signal}`));
  }

  for (const signal of endingSignals) process.on(signal, end);
  process.on("exit", killChildren);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    dispose() {
      for (const signal of endingSignals) process.off(signal, end);
      process.off("exit", killChildren);
    },
  };
}

/** Exit code for wrong options, and for a run of checks without a verdict: EX_USAGE of sysexits.h. */
const noVerdictCode = 64;

/** Runs a command that starts processes, and writes its error to stderr. @param codeOf exit code of an error */
export async function guarded(
  name: string,
  run: (groups: ProcessGroups, ending: CommandEnding) => Promise<void>,
  codeOf: (error: unknown) => number = () => noVerdictCode,
): Promise<void> {
  const groups = createProcessGroups("xtask");
  const ending = onEnding(() => groups.killAll());
  try {
    await run(groups, ending);
  } catch (error) {
    // The command line reports a wrong value like an unknown option.
    if (error instanceof OptionError) throw error;
    process.stderr.write(`${name}: ${errorText(error)}\n`);
    process.exitCode = ending.exitCode ?? codeOf(error);
  } finally {
    groups.killAll();
    ending.dispose();
  }
}
