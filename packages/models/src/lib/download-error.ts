// Owns how a download that fails is worded, and which failures may pass by themselves.
import { WaggleError } from "@waggle/protocol";
import { shownReference } from "./shown-reference.ts";

/** The reason alone; whoever knows the reference puts it in front. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  /** Another attempt may succeed. */
  readonly transient: boolean;
  /** What the server answered, where that is the reason. */
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

/** The server has another file by now: what is here of it must not be continued, and the whole may be begun again. */
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

/** `fetch` says "fetch failed" to everything; what happened is one level down. */
export function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}
