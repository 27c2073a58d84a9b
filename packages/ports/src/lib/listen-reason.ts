// Owns why a port could not be opened, in words.

const reasons: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 need more rights than this user has",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
};

/** @param error as a server's "error" event has it; for EADDRINUSE `findPortHolder` knows more */
export function listenReason(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}
