// Learns the size, hash and version of a remote file before its download, and whether a partial download can be resumed.
import { createHash } from "node:crypto";
import { DownloadError } from "../transfer/download-error.ts";
import { openUrl, type OpenOptions } from "../transfer/open-url.ts";

export interface RemoteFile {
  readonly url: string;
  /** Size of the file; undefined if the server does not send it. */
  readonly sizeBytes: number | undefined;
  readonly sha256: string | undefined;
  /** SHA-256 that the hub sends for the requested address, before a redirect. */
  readonly hubSha256: string | undefined;
  /** The server's ETag for the file, or the time of the file's last change. */
  readonly version: string | undefined;
  /** Identifies the content: a partial download is only resumed with the same key. Undefined if the file's download cannot be resumed. */
  readonly resumeKey: string | undefined;
}

/** Requests the first byte with GET, because an address that is signed for GET rejects HEAD. @throws the same errors as `openUrl` */
export async function describeFile(
  url: string,
  pinnedSha256: string | undefined,
  options: OpenOptions,
): Promise<RemoteFile> {
  const opened = await openUrl(url, { ...options, headers: { range: "bytes=0-0" } });
  const { response, sha256: hubSha256, sizeBytes: hubBytes } = opened;
  await response.body?.cancel();
  if (pinnedSha256 !== undefined && hubSha256 !== undefined && pinnedSha256 !== hubSha256) {
    throw new DownloadError(`the server's file has the SHA-256 ${hubSha256}, but the reference has ${pinnedSha256}`);
  }
  const sha256 = pinnedSha256 ?? hubSha256;
  const version = versionOf(response);
  const sizeBytes = wholeSize(response);
  if (hubBytes !== undefined && sizeBytes !== undefined && hubBytes !== sizeBytes) {
    throw new DownloadError(`the hub announced ${hubBytes} bytes, but the file has ${sizeBytes}`);
  }
  const content = sha256 ?? version;
  const resumable = response.status === 206 && sizeBytes !== undefined && content !== undefined;
  const resumeKey = resumable
    ? createHash("sha256").update(`${content} ${sizeBytes}`).digest("hex").slice(0, 16)
    : undefined;
  return { url, sizeBytes, sha256, hubSha256, version, resumeKey };
}

/** Version for the `If-Range` header. Weak ETags are ignored, because they do not guarantee equal bytes. */
export function versionOf({ headers }: Response): string | undefined {
  const etag = headers.get("etag");
  if (etag !== null && !etag.startsWith("W/")) return etag;
  return headers.get("last-modified") ?? undefined;
}

function wholeSize({ status, headers }: Response): number | undefined {
  if (headers.has("content-encoding")) return undefined;
  const text =
    status === 206 ? /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1] : headers.get("content-length");
  return text === null || text === undefined ? undefined : Number(text);
}
