// Receives bytes of a file: requests a range, checks that the response is for this range and this version of the file, and writes the bytes.
import { createStallTimer, linkSignals } from "@waggle/async";
import { versionOf, type RemoteFile } from "../folder/describe-file.ts";
import { networkReason } from "@waggle/client";
import { DownloadError, FileChangedError } from "./download-error.ts";
import { openUrl, readBody, type Credentials, type Opened } from "./open-url.ts";
import type { PartialFile } from "./partial-file.ts";
import type { Span } from "./span-queue.ts";

/** The server answered a range request with the whole file. */
export class RangesRefusedError extends Error {
  override readonly name = "RangesRefusedError";
}

export interface ReceiveOptions {
  readonly remote: RemoteFile;
  readonly partial: PartialFile;
  readonly credentials: Credentials | undefined;
  /** A connection is replaced after this long without a byte. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called with the number of bytes that have arrived. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Tries once to download a span of a file. Advances `span.at` as bytes arrive, and stops at `span.end`, which the queue may move closer meanwhile.
 * @throws DownloadError, FileChangedError, RangesRefusedError; the signal's reason when it aborts
 */
export async function receiveSpan(span: Span, options: ReceiveOptions): Promise<void> {
  const { remote, partial } = options;
  await attempt(options, async (signal, onBytes) => {
    const response = await openSpan(span, remote, { credentials: options.credentials, signal });
    for await (const bytes of readBody(response, signal)) {
      onBytes(0);
      const wanted = bytes.subarray(0, Math.max(0, span.end - span.at));
      await partial.write(span.at, wanted);
      span.at += wanted.length;
      onBytes(wanted.length);
      if (span.at >= span.end) return;
    }
    throw new DownloadError(`the answer ended at ${span.at} of ${span.end} bytes`, { transient: true });
  });
}

/** Tries once to download the whole file, from a server without range requests. @throws the same errors as `receiveSpan` */
export async function receiveWhole(options: ReceiveOptions): Promise<void> {
  const { remote, partial } = options;
  const sizeBytes = remote.sizeBytes ?? Infinity;
  // Without range requests, a new connection could not continue this download, so only the download's stall timeout applies.
  await attempt({ ...options, silenceMs: undefined }, async (signal, onBytes) => {
    const opened = await openUrl(remote.url, { credentials: options.credentials, signal });
    const { response } = opened;
    await orCancel(response, () => {
      requireSame(opened, remote);
      if (!saysItsEnd(response) && remote.sizeBytes === undefined && remote.sha256 === undefined) {
        throw new DownloadError("the server does not say where the file ends");
      }
    });
    let at = 0;
    for await (const bytes of readBody(response, signal)) {
      if (at + bytes.length > sizeBytes) throw new DownloadError("the server sent more than the file's size");
      await partial.write(at, bytes);
      at += bytes.length;
      onBytes(bytes.length);
    }
    if (remote.sizeBytes === undefined || at === sizeBytes) return;
    throw new DownloadError(`the file ended at ${at} of ${sizeBytes} bytes`, { transient: true });
  });
}

type Work = (signal: AbortSignal, onBytes: (bytes: number) => void) => Promise<void>;

interface AttemptOptions extends Pick<ReceiveOptions, "signal" | "onBytes"> {
  readonly silenceMs: number | undefined;
}

/** Runs one request. If its connection is silent, only this request fails: other connections may still receive bytes. */
async function attempt({ signal, silenceMs, onBytes }: AttemptOptions, work: Work): Promise<void> {
  using silence = silenceMs === undefined ? undefined : createStallTimer(silenceMs);
  using joined = linkSignals(signal, silence?.signal);
  try {
    await work(joined, (bytes) => {
      silence?.restart();
      if (bytes > 0) onBytes(bytes);
    });
  } catch (error) {
    signal.throwIfAborted();
    // Errors of the file system have a `syscall`. All others are network errors.
    const isNamed =
      error instanceof DownloadError || error instanceof FileChangedError || error instanceof RangesRefusedError;
    if (isNamed || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new DownloadError(`the connection broke (${networkReason(error)})`, { transient: true, cause: error });
  }
}

async function openSpan(
  { at, end }: Span,
  remote: RemoteFile,
  options: { readonly credentials: Credentials | undefined; readonly signal: AbortSignal },
): Promise<Response> {
  // With a known hash, the server's version is ignored, because mirrors of the same file send different ETags.
  const version = remote.sha256 === undefined ? remote.version : undefined;
  const condition = version === undefined ? {} : { "if-range": version };
  const opened = await openRange(remote.url, {
    ...options,
    headers: { range: `bytes=${at}-${end - 1}`, ...condition },
  });
  const { response } = opened;
  await orCancel(response, () => {
    requireSame(opened, remote);
    if (response.status !== 206) throw new RangesRefusedError("the server ignores ranges");
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
    const [, from, total] = range ?? [];
    if (from !== String(at) || (total !== "*" && total !== String(remote.sizeBytes))) throw new FileChangedError();
  });
  return response;
}

async function openRange(url: string, options: Parameters<typeof openUrl>[1]): Promise<Opened> {
  try {
    return await openUrl(url, options);
  } catch (error) {
    if (!(error instanceof DownloadError && error.status === 416)) throw error;
    throw new FileChangedError("the server has fewer bytes than it announced");
  }
}

/** @throws FileChangedError if the response has another hash or version than the described file */
function requireSame({ response, sha256 }: Opened, remote: RemoteFile): void {
  if (sha256 !== remote.hubSha256 && sha256 !== undefined) throw new FileChangedError();
  if (remote.sha256 === undefined && versionOf(response) !== remote.version) throw new FileChangedError();
}

async function orCancel({ body }: Response, check: () => void): Promise<void> {
  try {
    check();
  } catch (error) {
    await body?.cancel();
    throw error;
  }
}

function saysItsEnd({ headers }: Response): boolean {
  return headers.has("content-length") || /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "");
}
