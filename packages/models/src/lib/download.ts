// Owns a download: all parts of a model, one process at a time, its progress, and its end when nothing arrives any more.
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { linkSignals } from "@waggle/async";
import { describeFile, type RemoteFile } from "./describe-file.ts";
import { requireSpace } from "./disk-space.ts";
import { cannotDownload, DownloadError } from "./download-error.ts";
import { lockFile } from "./file-lock.ts";
import { findPresent, partSizes } from "./find-present.ts";
import { askHub } from "./hub-manifest.ts";
import { allParts } from "./model-names.ts";
import type { Credentials } from "./open-url.ts";
import type { FileTarget, TagTarget } from "./parse-reference.ts";
import { partialSize } from "./partial-file.ts";
import { createStallTimer } from "./stall-timer.ts";
import { transferFile } from "./transfer.ts";

export interface DownloadProgress {
  /** Of all parts: what was here, and what has arrived. */
  readonly doneBytes: number;
  /** Undefined where the server does not say. */
  readonly totalBytes: number | undefined;
}

export interface DownloadOptions {
  readonly folder: string;
  readonly endpoint: string;
  /** For the hub. */
  readonly credentials: Credentials | undefined;
  /** How long nothing may arrive. */
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
}

/** The path of the first part. @throws WaggleError unavailable; the signal's reason when it aborts */
export async function downloadModel(
  reference: string,
  target: FileTarget | TagTarget,
  options: DownloadOptions,
): Promise<string> {
  const { signal, stallTimeoutMs } = options;
  using stall = createStallTimer(stallTimeoutMs);
  using stop = linkSignals(signal, stall.signal);
  try {
    return await download(target, options, stop, stall.restart);
  } catch (error) {
    signal?.throwIfAborted();
    throw cannotDownload(reference, (error as Error).message, error);
  }
}

async function download(
  target: FileTarget | TagTarget,
  options: DownloadOptions,
  signal: AbortSignal,
  onMove: () => void,
): Promise<string> {
  const { folder, endpoint } = options;
  const request = { credentials: options.credentials, signal };
  const file = target.kind === "tag" ? await askHub(target, endpoint, request) : target;
  if (target.kind === "tag") {
    const present = await findPresent(folder, file);
    if (present !== undefined) return present;
  }
  const remotes = await describeParts(file, { ...request, credentials: file.credentials ?? request.credentials }, onMove);
  const former = await findFormer(folder, file, remotes);
  if (former !== undefined) return former;

  const path = join(folder, file.name);
  await mkdir(dirname(path), { recursive: true });
  await using _lock = await lockFile(`${path}.lock`, signal, () => {
    onMove();
    options.onProgress?.({ doneBytes: 0, totalBytes: totalOf(remotes) });
  });
  await fetchParts(path, remotes, { ...options, credentials: file.credentials ?? options.credentials }, signal, onMove);
  return path;
}

async function describeParts(
  { url, sha256 }: FileTarget,
  request: { readonly credentials: Credentials | undefined; readonly signal: AbortSignal },
  onMove: () => void,
): Promise<readonly RemoteFile[]> {
  const { pathname } = new URL(url);
  if (/\.part\d+of\d+$/i.test(pathname)) {
    throw new DownloadError("a file that was cut into byte parts (.part1of2) must be joined by hand");
  }
  const remotes: RemoteFile[] = [];
  for (const part of allParts(pathname)) {
    const partUrl = new URL(url);
    partUrl.pathname = part;
    remotes.push(await describeFile(partUrl.href, sha256, request));
    onMove();
  }
  return remotes;
}

/** What an earlier version downloaded, if its size is right: its name alone does not tell where it is from. */
async function findFormer(
  folder: string,
  { formerName }: FileTarget,
  remotes: readonly RemoteFile[],
): Promise<string | undefined> {
  if (formerName === undefined) return undefined;
  const path = join(folder, formerName);
  const sizes = await partSizes(path);
  const fits = sizes.length === remotes.length && remotes.every((remote, i) => remote.sizeBytes === sizes[i]);
  return fits && !sizes.includes(undefined) ? path : undefined;
}

async function fetchParts(
  path: string,
  remotes: readonly RemoteFile[],
  { credentials, onProgress }: DownloadOptions,
  signal: AbortSignal,
  onMove: () => void,
): Promise<void> {
  const present = await partSizes(path);
  const parts = allParts(path).map((partPath, i) => ({ path: partPath, size: present[i], remote: remotes[i] }));
  let neededBytes = 0;
  for (const { path: partPath, size, remote } of parts) {
    if (size !== undefined || remote?.sizeBytes === undefined) continue;
    neededBytes += remote.sizeBytes - (await partialSize(partPath, remote));
  }
  await requireSpace(dirname(path), neededBytes);

  const totalBytes = totalOf(remotes);
  let before = 0;
  for (const { path: partPath, size, remote } of parts) {
    if (remote === undefined) continue;
    if (size === undefined) {
      const onBytes = (doneBytes: number): void => {
        onMove();
        onProgress?.({ doneBytes: before + doneBytes, totalBytes });
      };
      await transferFile(remote, partPath, { credentials, signal, onBytes });
    }
    before += size ?? (await stat(partPath)).size;
  }
}

function totalOf(remotes: readonly RemoteFile[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of remotes) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}
