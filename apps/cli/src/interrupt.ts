// Owns the signals that interrupt a command: the first signal aborts the work, the second ends the process, unless the command passes the
// signals on to another program. This file imports no other file of
// Waggle, so that it can listen before the rest of the command line is loaded.
import { constants } from "node:os";

/** Exit code of an interrupted command: the shell's code for a program that SIGINT ended. */
const exitCode = 128 + constants.signals.SIGINT;

/** Passes signals on, instead of aborting, until the returned function is called. */
export type PassSignals = (to: (signal: NodeJS.Signals) => unknown) => () => void;

export interface Interrupts {
  readonly signal: AbortSignal;
  readonly passSignals: PassSignals;
}

export function listenForInterrupts(process: NodeJS.Process): Interrupts {
  const interrupt = new AbortController();
  let passTo: ((signal: NodeJS.Signals) => unknown) | undefined;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (passTo !== undefined) return void passTo(name);
      if (interrupt.signal.aborted) process.exit(exitCode);
      interrupt.abort();
    });
  }
  return {
    signal: interrupt.signal,
    passSignals(to) {
      passTo = to;
      return () => (passTo = undefined);
    },
  };
}
