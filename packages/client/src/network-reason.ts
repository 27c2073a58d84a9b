// Says in words why a request had no answer.

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  UND_ERR_SOCKET: "connection closed",
  ETIMEDOUT: "no connection in time",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  ENOTFOUND: "unknown host name",
  EAI_AGAIN: "no answer about the host name",
  EHOSTUNREACH: "no route to this machine",
  ENETUNREACH: "no route to this network",
  ERR_SSL_WRONG_VERSION_NUMBER: "no TLS there; try http",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "no TLS there; try http",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted",
};

/** Causes of fetch without a code. */
const wordsOfMessages: Readonly<Record<string, string>> = {
  "bad port": "a blocked port, as in browsers",
};

/** @param error of `fetch`: the reason is in its cause, because its message is always "fetch failed" */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message }: NodeJS.ErrnoException = error.cause instanceof Error ? error.cause : error;
  if (code === undefined) return wordsOfMessages[message] ?? message;
  if (code.startsWith("HPE_")) return "an answer that is not HTTP";
  return words[code] ?? (code === "EPROTO" || code.startsWith("ERR_SSL_") ? "no TLS connection" : code);
}
