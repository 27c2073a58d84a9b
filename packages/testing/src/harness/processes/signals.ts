// Owns what happens when xtask gets a signal to end: nothing it started outlives a command, and the exit code says which signal it was, except
// where daemons leave by themselves and say how it went.
import { constants } from "node:os";
import { OptionError } from "../command-line/options.ts";
import { messageOf } from "../message-of.ts";
import { createProcessGroups, type ProcessGroups } from "./process-group.ts";

export interface CommandEnding {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** 128 and the signal's number, once one has come. */
  readonly exitCode: number | undefined;
  dispose(): void;
}

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Under npx and pnpm one Ctrl-C arrives several times within milliseconds. */
const sameSignalMs = 300;

/**
 * Calls `killChildren` at once for SIGINT, SIGTERM and SIGHUP, unless the children are to leave by themselves, and always at the exit of
 * this process for whatever reason, an uncaught exception included. The exit is left to the caller, who may still have something to say;
 * a second signal does not wait for that.
 */
export function onEnding(killChildren: () => void, children: "at once" | "by themselves" = "at once"): CommandEnding {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let firstAt = 0;

  function end(signal: (typeof endingSignals)[number]): void {
    if (children === "at once") killChildren();
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

/** The options were not understood or, in a run of many checks, there is no verdict: EX_USAGE of sysexits.h. */
const noVerdictCode = 64;

/** Runs a command that starts processes. An error that it throws is written to stderr under its name. @param codeOf the exit code of that */
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
    // A wrong value of an option gets the same message as an option that does not exist.
    if (error instanceof OptionError) throw error;
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    process.exitCode = ending.exitCode ?? codeOf(error);
  } finally {
    groups.killAll();
    ending.dispose();
  }
}
