// Owns the questions that checks ask of a stream's events.
import type { StreamEvent, TerminalEvent, TokenEvent } from "@waggle/protocol";

export const isToken = (event: StreamEvent): event is TokenEvent => event.type === "token";
export const isStarted = (event: StreamEvent): boolean => event.type === "started";
export const isQueued = (event: StreamEvent): boolean => event.type === "queued" && event.position > 0;

/** The code of an error event; any other terminal event as it is, for whoever says what came instead. */
export function errorOf(terminal: TerminalEvent | undefined): unknown {
  return terminal?.type === "error" ? terminal.code : terminal;
}
