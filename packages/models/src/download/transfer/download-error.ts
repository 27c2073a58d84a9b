// Words the errors of failed downloads, and decides which failures are temporary.
import { WaggleError } from "@waggle/protocol";

/** The reason alone; the caller that knows the reference puts it in front. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  /** Another attempt may succeed. */
  readonly transient: boolean;
  /** The HTTP status, when the server's response is the reason. */
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

/** The file on the server has changed: the partial download must not be resumed, but the download may start again. */
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

/** The message of `fetch` is always "fetch failed"; the reason is in the error's cause. */
export function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}

/**
 * The reference as shown in errors, logs and names. A URL is cut to its scheme, host and path, since it can carry a password before its host and a
 * signature in its query. Other references are shown unchanged.
 */
export function shownReference(reference: string): string {
  if (!/^\s*[a-z][a-z\d+.-]*:\/\//i.test(reference) || /^hf:/i.test(reference)) return reference;
  const isUrl = URL.canParse(reference);
  // In a malformed URL the end of the password is unknown: a ? may belong to the password, or begin a query that contains an @. So everything after
  // // is hidden.
  if (!isUrl && /[?#].*@/s.test(reference)) return reference.replace(/\/\/.*$/s, "//…");
  return reference.replace(/[?#].*$/s, "").replace(isUrl ? /\/\/[^/\\]*@/ : /\/\/.*@/s, "//");
}
