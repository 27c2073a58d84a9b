// Reads byte ranges of a file behind a URL, so that a model's header can be read without downloading the model.
import { deadlineSignal, linkSignals } from "@waggle/async";
import type { ByteSource } from "../../header/index.ts";
import { versionOf } from "../folder/describe-file.ts";
import { DownloadError } from "./download-error.ts";
import { openUrl, readBytes, type Credentials } from "./open-url.ts";

/** Size of the first request, enough for the header of a small model. Its response also has the file's size and version. */
const firstBytes = 1 << 18;
/** Time limit of a read. A read has at most 4 MiB, which takes 34 s at 1 Mbit/s. */
const readTimeoutMs = 60_000;

export interface RemoteSourceOptions {
  /** Credentials, which are sent only to their own origin. */
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Piece {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly size: number;
  /** The server's ETag for the file, or the time of the file's last change. */
  readonly version: string | undefined;
}

/**
 * Opens a file behind a URL; each read is a range request.
 * @throws DownloadError if the file does not exist or has changed, or the server does not support range requests; TimeoutError if a read takes
 *   longer than a minute; the signal's reason when it aborts. `read` throws the same errors.
 */
export async function openRemoteSource(url: string, options: RemoteSourceOptions = {}): Promise<ByteSource> {
  const first = await fetchPiece(url, { offset: 0, length: firstBytes }, options);
  return {
    size: first.size,
    async read(offset, length, signal) {
      if (offset + length <= first.bytes.length) return first.bytes.subarray(offset, offset + length);
      const piece = await fetchPiece(url, { offset, length }, { ...options, signal: signal ?? options.signal });
      if (piece.size !== first.size || piece.version !== first.version) {
        throw new DownloadError("the file changed while its header was read");
      }
      return piece.bytes;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function fetchPiece(
  url: string,
  { offset, length }: { readonly offset: number; readonly length: number },
  { credentials, signal }: RemoteSourceOptions,
): Promise<Piece> {
  using limit = deadlineSignal(readTimeoutMs);
  using stop = linkSignals(signal, limit.signal);
  const headers = { range: `bytes=${offset}-${offset + length - 1}` };
  const { response } = await openUrl(url, { credentials, headers, signal: stop });
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  if (response.status !== 206 || range === null || Number(range[1]) !== offset) {
    await response.body?.cancel();
    throw new DownloadError("the server does not support range requests");
  }
  const bytes = await readBytes(response, length, stop);
  return { bytes, offset, size: Number(range[2]), version: versionOf(response) };
}
