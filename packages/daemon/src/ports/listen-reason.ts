// Explains why a port cannot be opened, as an error and as text.

const reasons: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need more rights than this user has",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
};

/** @param error from a server's "error" event; for EADDRINUSE, `findPortHolder` finds the process that uses the port */
export function listenReason(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}

/** The daemon cannot listen on its port. The message has the reason. */
export class ListenError extends Error {
  override readonly name: string = "ListenError";
}

export class PortTakenError extends ListenError {
  override readonly name = "PortTakenError";
}
