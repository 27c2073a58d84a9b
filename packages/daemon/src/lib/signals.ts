// Owns what the outside world can tell the process to do: signals, a closing IPC channel, a broken stdout. It imports
// nothing of ours, so that it can listen before the rest of the worker is even loaded.
import { constants } from "node:os";

/** One Ctrl-C reaches the whole group, and npx and pnpm pass it on: what follows within this time is the same one. */
const sameSignalMs = 300;

export interface SignalHandlers {
  /** The first request to leave; `abortCode` is the exit code should it have to be cut short. */
  readonly onDrain: (abortCode: number) => void;
  readonly onAbort: (code: number) => void;
  readonly onReload: () => void;
}

export interface Signals {
  /** There is a daemon now: it hears at once what came before it, and from then on everything. */
  connect(handlers: SignalHandlers): void;
}

/** Until there are handlers, a request to leave or to reload is kept for them, and a second one to leave ends the process. */
export function listenForSignals(process: NodeJS.Process): Signals {
  let connected: SignalHandlers | undefined;
  let drain: { readonly at: number; readonly code: number } | undefined;
  let reload = false;

  function abort(code: number): void {
    if (connected !== undefined) return connected.onAbort(code);
    // Who is leaving already, and closes the channel for that, keeps its own code.
    process.exitCode ??= code;
    process.exit();
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const code = 128 + constants.signals[signal];
    process.on(signal, () => {
      if (drain === undefined) {
        drain = { at: performance.now(), code };
        connected?.onDrain(code);
      } else if (performance.now() - drain.at > sameSignalMs) abort(code);
    });
  }
  process.on("SIGHUP", () => {
    if (connected === undefined) reload = true;
    else connected.onReload();
  });
  // A parent that gave us a channel and is gone took us along; there is nobody left to drain for.
  process.on("disconnect", () => abort(128 + constants.signals.SIGTERM));
  // Whoever read our lines has left; that is no reason to leave too.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  return {
    connect(handlers) {
      connected = handlers;
      if (reload) handlers.onReload();
      if (drain !== undefined) handlers.onDrain(drain.code);
    },
  };
}
