// Owns what the outside world can tell the process to do: signals, a closing IPC channel, a broken stdout.
import { exitCodes } from "@waggle/protocol";

/** One Ctrl-C reaches the whole group, and npx and pnpm pass it on: what follows within this time is the same one. */
const sameSignalMs = 300;

export interface LeaveHandlers {
  /** The first request to leave; `abortCode` is the exit code should it have to be cut short. */
  readonly onDrain: (abortCode: number) => void;
  readonly onAbort: (code: number) => void;
  readonly onReload: () => void;
}

export function listenForSignals(handlers: LeaveHandlers): void {
  let firstAt: number | undefined;
  const on = (code: number) => () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      handlers.onDrain(code);
    } else if (performance.now() - firstAt > sameSignalMs) handlers.onAbort(code);
  };
  process.on("SIGTERM", on(exitCodes.abortedByTermination));
  process.on("SIGINT", on(exitCodes.abortedByInterrupt));
  process.on("SIGHUP", handlers.onReload);
  // A parent that gave us a channel and is gone took us along; there is nobody left to drain for.
  process.on("disconnect", () => handlers.onAbort(exitCodes.abortedByTermination));
  // Whoever read our lines has left; that is no reason to leave too.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
