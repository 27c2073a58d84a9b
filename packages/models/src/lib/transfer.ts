// Owns the way of one file from a server to the disk, attempt after attempt, until it is whole.
import { createBackoff, sleep } from "@waggle/async";
import { versionOf, type RemoteFile } from "./describe-file.ts";
import { DownloadError, networkReason } from "./download-error.ts";
import { openUrl, readBody, type Credentials } from "./open-url.ts";
import { openPartial, type PartialFile } from "./partial-file.ts";

/** Between two attempts that bring nothing; the stall timer ends them. */
const retryDelaysMs = [100, 500, 1_000, 2_000, 5_000];

export interface TransferOptions {
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
  /** Bytes were received, or checked: so many are here now. */
  readonly onBytes: (doneBytes: number) => void;
}

/**
 * Fetches a file, or the rest of it, and checks it. A connection that breaks is opened again where what is here can be continued.
 * @throws DownloadError; the signal's reason when it aborts
 */
export async function transferFile(remote: RemoteFile, path: string, options: TransferOptions): Promise<void> {
  const { signal, onBytes } = options;
  await using partial = await openPartial(path, remote, (bytes) => {
    signal.throwIfAborted();
    onBytes(bytes);
  });
  const backoff = createBackoff({ delaysMs: retryDelaysMs, jitter: 0.2 });
  while (partial.sizeBytes !== remote.sizeBytes) {
    const before = partial.sizeBytes;
    try {
      await receive(remote, partial, options);
      break;
    } catch (error) {
      signal.throwIfAborted();
      const again = error instanceof DownloadError && error.transient && remote.resumeKey !== undefined;
      if (!again) throw error;
      if (partial.sizeBytes > before) backoff.reset();
      await sleep(backoff.next(), { signal });
    }
  }
  onBytes(partial.sizeBytes);
  await partial.complete();
}

/** One attempt: from where the file ends to its whole end. */
async function receive(remote: RemoteFile, partial: PartialFile, options: TransferOptions): Promise<void> {
  const { credentials, signal, onBytes } = options;
  const response = await openRest(remote, partial, { credentials, signal });
  if (!saysItsEnd(response) && remote.sizeBytes === undefined && remote.sha256 === undefined) {
    await response.body?.cancel();
    throw new DownloadError("the server does not say where the file ends");
  }
  try {
    for await (const bytes of readBody(response, signal)) {
      if (partial.sizeBytes + bytes.length > (remote.sizeBytes ?? Infinity)) {
        throw new DownloadError("the server sent more than the file's size");
      }
      await partial.append(bytes);
      onBytes(partial.sizeBytes);
    }
  } catch (error) {
    signal.throwIfAborted();
    // What the disk has against it is an errno; only the network's errors have a cause.
    if (error instanceof DownloadError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new DownloadError(`the connection broke (${networkReason(error)})`, { transient: true, cause: error });
  }
  if (remote.sizeBytes !== undefined && partial.sizeBytes < remote.sizeBytes) {
    throw new DownloadError(`the file ended at ${partial.sizeBytes} of ${remote.sizeBytes} bytes`, { transient: true });
  }
}

async function openRest(
  remote: RemoteFile,
  partial: PartialFile,
  options: Pick<TransferOptions, "credentials" | "signal">,
): Promise<Response> {
  const from = partial.sizeBytes;
  const range = from === 0 ? {} : { range: `bytes=${from}-` };
  // With a hash it does not matter what the server calls the version: mirrors of one file name it in different ways.
  const version = remote.sha256 === undefined ? remote.version : undefined;
  const condition = from === 0 || version === undefined ? {} : { "if-range": version };
  const { response } = await openUrl(remote.url, { ...options, headers: { ...range, ...condition } });
  const other = remote.sha256 === undefined && versionOf(response) !== version;
  const start = response.status === 206 ? /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] : "0";
  if (other || (start !== "0" && start !== String(from))) {
    await response.body?.cancel();
    throw new DownloadError("the file changed while it was downloaded");
  }
  if (start === "0" && from > 0) await partial.clear();
  return response;
}

function saysItsEnd({ headers }: Response): boolean {
  return headers.has("content-length") || /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "");
}
