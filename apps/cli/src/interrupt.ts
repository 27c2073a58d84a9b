// Owns Ctrl-C and its like for a command: the first one gives up what goes on, the second one ends the process. It imports nothing of ours, so
// that it can listen before the rest of the command line is even loaded.
import { constants } from "node:os";

/** That of a command which was interrupted, as of a program that SIGINT has ended. */
const exitCode = 128 + constants.signals.SIGINT;

/** Aborts at the first signal. */
export function hearInterrupts(process: NodeJS.Process): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(exitCode);
      interrupt.abort();
    });
  }
  return interrupt.signal;
}
