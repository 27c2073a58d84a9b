// Owns the errors of downloads, and how references are shown in errors.
import { WaggleError } from "@waggle/protocol";

/** The message has only the reason of the failure. Callers add the model's reference. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  /** Whether another attempt may succeed. */
  readonly transient: boolean;
  /** HTTP status, if the server's response is the reason. */
  readonly status: number | undefined;

  constructor(reason: string, options: DownloadErrorOptions = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.transient = options.transient ?? false;
    this.status = options.status;
  }
}

interface DownloadErrorOptions {
  readonly transient?: boolean;
  readonly status?: number;
  readonly cause?: unknown;
}

/** The file on the server has changed: the download must not be resumed, but may start again from the first byte. */
export class FileChangedError extends Error {
  override readonly name = "FileChangedError";

  constructor(reason = "the file changed while it was downloaded") {
    super(reason);
  }
}

export function cannotDownload(reference: string, reason: string, cause?: unknown): WaggleError {
  return new WaggleError("unavailable", `Cannot download model ${shownReference(reference)}: ${reason}`, { cause });
}

export function cannotResolve(reference: string, reason: string): WaggleError {
  return new WaggleError("invalid_argument", `Cannot resolve model ${shownReference(reference)}: ${reason}`);
}

/**
 * Removes secrets from a reference, for errors, logs and names. A URL is cut to its scheme, host and path, because it can have a password before the
 * host and a signature in its query. Other references stay as they are.
 */
export function shownReference(reference: string): string {
  if (!/^\s*[a-z][a-z\d+.-]*:\/\//i.test(reference) || /^hf:/i.test(reference)) return reference;
  const isUrl = URL.canParse(reference);
  // In a malformed URL with an @, the password's end is unknown: a ? may be part of it, or begin a query that contains the @. So hide all after "//".
  if (!isUrl && /[?#].*@/s.test(reference)) return reference.replace(/\/\/.*$/s, "//…");
  return reference.replace(/[?#].*$/s, "").replace(isUrl ? /\/\/[^/\\]*@/ : /\/\/.*@/s, "//");
}
