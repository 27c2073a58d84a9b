// Owns what happens when xtask is told to end, and that its exit code says which signal it was.
import { constants } from "node:os";

export interface Ending {
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
export function onEnding(killChildren: () => void, children: "at once" | "by themselves" = "at once"): Ending {
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
