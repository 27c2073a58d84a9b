// Owns what is known of a remote file before it is fetched: its size, its hash, and whether a part of it can be continued.
import { createHash } from "node:crypto";
import { DownloadError } from "./download-error.ts";
import { openUrl, type OpenOptions } from "./open-url.ts";

export interface RemoteFile {
  readonly url: string;
  /** Undefined where the server does not say. */
  readonly sizeBytes: number | undefined;
  readonly sha256: string | undefined;
  /** What the hub itself says of the content, at the address as it was asked. */
  readonly hubSha256: string | undefined;
  /** ETag or time of last change: what the server calls this version. */
  readonly version: string | undefined;
  /** Names the content, so that a part is only ever continued with more of the same; undefined: no part can be continued. */
  readonly resumeKey: string | undefined;
}

/** Asks for the first byte: an address that is signed for GET takes no HEAD. @throws as `openUrl` does */
export async function describeFile(
  url: string,
  pinnedSha256: string | undefined,
  options: OpenOptions,
): Promise<RemoteFile> {
  const {
    response,
    sha256: hubSha256,
    sizeBytes: hubBytes,
  } = await openUrl(url, {
    ...options,
    headers: { range: "bytes=0-0" },
  });
  await response.body?.cancel();
  if (pinnedSha256 !== undefined && hubSha256 !== undefined && pinnedSha256 !== hubSha256) {
    throw new DownloadError(`the server's file has the SHA-256 ${hubSha256}, and ${pinnedSha256} is wanted`);
  }
  const sha256 = pinnedSha256 ?? hubSha256;
  const version = versionOf(response);
  const sizeBytes = wholeSize(response);
  if (hubBytes !== undefined && sizeBytes !== undefined && hubBytes !== sizeBytes) {
    throw new DownloadError(`the hub speaks of ${hubBytes} bytes, and what it leads to has ${sizeBytes}`);
  }
  const content = sha256 ?? version;
  const resumable = response.status === 206 && sizeBytes !== undefined && content !== undefined;
  const resumeKey = resumable
    ? createHash("sha256").update(`${content} ${sizeBytes}`).digest("hex").slice(0, 16)
    : undefined;
  return { url, sizeBytes, sha256, hubSha256, version, resumeKey };
}

/** What a range may be continued by; a weak ETag promises no equal bytes. */
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
