// Owns the signals that interrupt a command: the first signal aborts the work, the second ends the process. This file imports no other file of
// Waggle, so that it can listen before the rest of the command line is loaded.
import { constants } from "node:os";

/** Exit code of an interrupted command: the shell's code for a program that SIGINT ended. */
const exitCode = 128 + constants.signals.SIGINT;

export function listenForInterrupts(process: NodeJS.Process): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(exitCode);
      interrupt.abort();
    });
  }
  return interrupt.signal;
}
