// Receives requests from outside the process: signals, a closed IPC channel, a broken stdout. It imports no other module of Waggle, so that it can
// listen before the rest of the daemon is loaded.
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";
import type { Environment } from "../settings/settings.ts";

/** One Ctrl-C reaches the whole process group, and npx and pnpm forward the signal once more. A second signal within this time counts as the same Ctrl-C. */
const sameSignalMs = 300;

export interface SignalHandlers {
  /** Called for the first request to leave. `abortCode` is the exit code if the drain is aborted. */
  readonly onDrain: (abortCode: number) => void;
  readonly onAbort: (code: number) => void;
  readonly onReload: () => void;
}

export interface Signals {
  /** Sets the handlers once the daemon runs. Handlers get earlier requests at once, and later requests as they come. */
  connect(handlers: SignalHandlers): void;
}

/** Runs a daemon. @param program name of the command, for help and error texts */
export type RunProgram = (
  argv: readonly string[],
  env: Environment,
  signals: Signals,
  program?: string,
) => Promise<void>;

export type StartProgram = (process: NodeJS.Process, argv: readonly string[], env: Environment) => Promise<void>;

/** Listens for signals before the daemon's other modules are loaded, because they take a while. The daemon sets the exit code at the end. */
export function programStart(load: () => Promise<RunProgram>, program?: string): StartProgram {
  return async (process, argv, env) => {
    const signals = listenForSignals(process);
    const run = await load();
    await run(argv, env, signals, program);
  };
}

/**
 * Whether the process ends with its terminal: it has a controlling terminal, and reads from it or writes to it. Not with `nohup`, which redirects all
 * three; that SIGHUP was ignored cannot be seen, because Node resets signals when it starts.
 */
function hasTerminal(): boolean {
  if (![0, 1, 2].some((stream) => isatty(stream))) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** Until the handlers are set, a request to leave or to reload waits for the handlers, and a second request to leave ends the process. */
function listenForSignals(process: NodeJS.Process): Signals {
  let connected: SignalHandlers | undefined;
  let drain: { readonly at: number; readonly code: number } | undefined;
  let reload = false;

  function abort(code: number): void {
    // A daemon that has ended closes the channel itself, and keeps its exit code.
    const ended = process.exitCode !== undefined;
    if (connected !== undefined) return ended ? undefined : connected.onAbort(code);
    process.exitCode ??= code;
    process.exit();
  }

  function leave(code: number): boolean {
    if (drain !== undefined) return false;
    drain = { at: performance.now(), code };
    connected?.onDrain(code);
    return true;
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const code = 128 + constants.signals[signal];
    process.on(signal, () => {
      if (!leave(code) && performance.now() - (drain?.at ?? 0) > sameSignalMs) abort(code);
    });
  }
  const endsWithTerminal = hasTerminal();
  process.on("SIGHUP", () => {
    // The terminal was closed. The kernel and the shell both say so, so a second signal aborts nothing. `kill -HUP` leaves the terminal open.
    if (endsWithTerminal && !hasTerminal()) leave(128 + constants.signals.SIGTERM);
    else if (connected === undefined) reload = true;
    else connected.onReload();
  });
  // The parent process that opened the channel has exited, so no client is left and nothing needs to be drained.
  process.on("disconnect", () => abort(128 + constants.signals.SIGTERM));
  // The process that read stdout has exited, or the terminal is closed; the daemon continues.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  return {
    connect(handlers) {
      connected = handlers;
      if (reload) handlers.onReload();
      if (drain !== undefined) handlers.onDrain(drain.code);
    },
  };
}
