// Explains why a port cannot be opened, as an error and as text.
import { findPortHolder } from "./ports.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need more rights than this user has",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
};

function listenReason(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}

/** The daemon cannot listen on its port. The message has the reason. */
export class ListenError extends Error {
  override readonly name: string = "ListenError";
}

export class PortTakenError extends ListenError {
  override readonly name = "PortTakenError";
  /** The process that uses the port, as text: "another process" if it cannot be found. */
  readonly holder: string;

  constructor(message: string, holder: string) {
    super(message);
    this.holder = holder;
  }
}

/** The error for a server's "error" event while it begins to listen: which process uses the port, or what else is wrong. Never throws. */
export async function listenError(error: unknown, host: string, port: number): Promise<ListenError> {
  const what = `Cannot listen on ${host}:${port}`;
  if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
    return new ListenError(`${what}: ${listenReason(error)}.`, { cause: error });
  }
  const found = await findPortHolder(port);
  const holder = found === undefined ? "another process" : `process ${found.pid} (${found.command})`;
  return new PortTakenError(`${what}: the port is held by ${holder}.`, holder);
}
