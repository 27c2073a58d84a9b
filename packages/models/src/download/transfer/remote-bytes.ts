// Reads byte ranges of a file behind a URL, so that a model's header can be read without downloading the model.
import { deadlineSignal, linkSignals } from "@waggle/async";
import type { ByteSource } from "../../header/index.ts";
import { versionOf } from "../folder/describe-file.ts";
import { DownloadError } from "./download-error.ts";
import { openUrl, readBody, type Credentials } from "./open-url.ts";

/** The first request reads this much: enough for the whole header of a small model. It also shows the file's size and version. */
const firstBytes = 1 << 18;
/** Timeout of one read: 4 MiB at most, which takes less than this at 1 Mbit/s. */
const readTimeoutMs = 60_000;

export interface RemoteSourceOptions {
  /** Sent only to the origin they are for. */
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Piece {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly size: number;
  /** ETag or time of last change. */
  readonly version: string | undefined;
}

/**
 * Requests each range of the file when it is read.
 * @throws DownloadError when there is no such file, the server does not support ranges, or the file has changed; TimeoutError when a read takes
 * longer than a minute; the signal's reason when it aborts. `read` throws the same.
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
    throw new DownloadError("the server gives no parts of the file");
  }
  const bytes = await readAtMost(response, length, stop);
  return { bytes, offset, size: Number(range[2]), version: versionOf(response) };
}

async function readAtMost(response: Response, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBody(response, signal)) {
    pieces.push(piece);
    size += piece.length;
    if (size > maxBytes) throw new DownloadError("the server gives more of the file than was asked for");
  }
  return Buffer.concat(pieces);
}
