// Owns one answer of a server with bytes of a file: that they are the bytes that were asked for, of the file that was described, and their way
// to the disk.
import { linkSignals } from "@waggle/async";
import { versionOf, type RemoteFile } from "./describe-file.ts";
import { DownloadError, FileChangedError, networkReason } from "./download-error.ts";
import { openUrl, readBody, type Credentials, type Opened } from "./open-url.ts";
import type { PartialFile } from "./partial-file.ts";
import type { Span } from "./span-queue.ts";
import { createStallTimer } from "./stall-timer.ts";

/** The server answers with the whole file when it is asked for a piece of it. */
export class RangesRefusedError extends Error {
  override readonly name = "RangesRefusedError";
}

export interface ReceiveOptions {
  readonly remote: RemoteFile;
  readonly partial: PartialFile;
  readonly credentials: Credentials | undefined;
  /** How long a connection may bring nothing before another takes its place. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Bytes have arrived. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * One attempt at a piece of a file; moves the piece on with what arrives, and ends where it ends by then.
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

/** The whole file in one attempt, where the server knows no pieces. @throws as `receiveSpan` does */
export async function receiveWhole(options: ReceiveOptions): Promise<void> {
  const { remote, partial } = options;
  const sizeBytes = remote.sizeBytes ?? Infinity;
  // No other connection could go on in this one's place: only the download's own limit ends it.
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

/** A connection that says nothing is given up before the download is: its neighbours may bring bytes all the while. */
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
    // What the disk has against it is an errno; only the network's errors have a cause.
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
  // With a hash it does not matter what the server calls the version: mirrors of one file name it in different ways.
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
    throw new FileChangedError("the server has fewer bytes than it said");
  }
}

/** @throws FileChangedError when it is not the file that was described */
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
