// Receives requests from outside the process: signals, a closed IPC channel, a broken stdout. It imports no other module of Waggle, so that it can
// listen before the rest of the daemon is loaded.
import { constants } from "node:os";

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

/** Until the handlers are set, a request to leave or to reload waits for the handlers, and a second request to leave ends the process. */
export function listenForSignals(process: NodeJS.Process): Signals {
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
  // The parent process that opened the channel has exited, so no client is left and nothing needs to be drained.
  process.on("disconnect", () => abort(128 + constants.signals.SIGTERM));
  // The process that read stdout has exited; the daemon continues.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  return {
    connect(handlers) {
      connected = handlers;
      if (reload) handlers.onReload();
      if (drain !== undefined) handlers.onDrain(drain.code);
    },
  };
}
