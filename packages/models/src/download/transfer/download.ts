// Downloads a model, in one process at a time. Starts again if the file changes on the server, and fails if the server stops sending.
import type { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createStallTimer, linkSignals, makeFolder, systemClock, type Clock } from "@waggle/async";
import { askForFile } from "../reference/ask-for-file.ts";
import { describeFile, type RemoteFile } from "../folder/describe-file.ts";
import { cannotDownload, DownloadError, FileChangedError } from "./download-error.ts";
import { bytesHere, fetchParts, totalSize } from "./fetch-parts.ts";
import { LockLostError, lockFile } from "../folder/file-lock.ts";
import { findPresent, partSizes, sumOf } from "../reference/find-present.ts";
import { allParts } from "../folder/model-names.ts";
import type { Credentials } from "./open-url.ts";
import type { FileTarget, RemoteTarget } from "../reference/parse-reference.ts";
import { openRecord } from "./open-record.ts";
import { createProgressMeter, type ProgressMeter, type PullProgress } from "./progress.ts";

/** The download fails if the file on the server changes in each of this many attempts. */
const mostBeginnings = 3;
/** A silent connection is replaced after this share of the stall timeout, so that a new connection can still save the download. */
const silentShare = 0.5;

export interface DownloadOptions {
  readonly folder: string;
  readonly endpoint: string;
  readonly ollamaEndpoint: string;
  /** Credentials for the hub. */
  readonly credentials: Credentials | undefined;
  /** Maximum number of parallel connections per file. */
  readonly connections: number;
  /** The download fails after this long without a byte. */
  readonly stallTimeoutMs: number;
  /** Ask the server for a newer version, even if the model is in the folder. */
  readonly update: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: PullProgress) => void) | undefined;
  readonly clock?: Clock;
  /** Opens the partial files. Tests set it to simulate disk errors. */
  readonly openFile?: typeof open | undefined;
}

interface Download {
  readonly reference: string;
  readonly options: DownloadOptions;
  readonly signal: AbortSignal;
  readonly meter: ProgressMeter;
  /** Restarts the stall timeout; called on progress. */
  readonly onMove: () => void;
}

export interface Downloaded {
  /** Path of the first part. */
  readonly path: string;
  /** False if the model was already in the folder. */
  readonly downloaded: boolean;
}

/** @throws WaggleError unavailable; the signal's reason when it aborts */
export async function downloadModel(
  reference: string,
  target: RemoteTarget,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { signal, stallTimeoutMs, clock = systemClock, onProgress } = options;
  using stall = createStallTimer(stallTimeoutMs);
  using stop = linkSignals(signal, stall.signal);
  const meter = createProgressMeter(clock, onProgress);
  const download = { reference, options, signal: stop, meter, onMove: stall.restart };
  for (let beginnings = 1; ; beginnings += 1) {
    try {
      return await begin(target, download);
    } catch (error) {
      signal?.throwIfAborted();
      const again = error instanceof FileChangedError || error instanceof LockLostError;
      if (!again || beginnings === mostBeginnings) throw cannotDownload(reference, (error as Error).message, error);
    }
  }
}

async function begin(target: RemoteTarget, download: Download): Promise<Downloaded> {
  const { options, signal, meter, onMove } = download;
  const { folder } = options;
  meter.tell({ stage: "asking" });
  const file = await askForFile(target, { ...options, signal });
  onMove();
  if (target.kind === "tag" && !options.update) {
    const present = await findPresent(folder, file);
    if (present !== undefined) return { path: present, downloaded: false };
  }
  const credentials = file.credentials ?? options.credentials;
  const remotes = await describeParts(file, { credentials, signal }, onMove);
  const path = join(folder, file.name);
  makeFolder(dirname(path));
  const downloaded = await fetchLocked(path, file, remotes, { ...download, options: { ...options, credentials } });
  return { path, downloaded };
}

/** @returns false if the whole model was already in the folder */
async function fetchLocked(
  path: string,
  { extras }: FileTarget,
  remotes: readonly RemoteFile[],
  { reference, options, signal, meter, onMove }: Download,
): Promise<boolean> {
  let waited = false;
  await using lock = await lockFile(`${path}.lock`, signal, async () => {
    waited = true;
    onMove();
    // Report the other process's progress.
    meter.startAt(sumOf(await bytesHere(path, remotes, await partSizes(path))));
    meter.tell({ stage: "waiting", totalBytes: totalSize(remotes), parts: remotes.length });
  });
  using held = linkSignals(signal, lock.lost);
  const { folder, endpoint } = options;
  const recording = await openRecord(path, remotes, { reference, folder, endpoint, extras });
  try {
    const { credentials, connections, openFile, stallTimeoutMs } = options;
    const fetched = await fetchParts(path, remotes, {
      ...{ credentials, connections, openFile, meter, onMove, signal: held },
      silenceMs: stallTimeoutMs * silentShare,
      isCurrent: recording.isCurrent,
    });
    await recording.complete();
    return fetched || waited;
  } finally {
    // An error of `clean` would hide the original error. The user can list and remove the files that are left.
    if (!lock.lost.aborted) await recording.clean().catch(() => {});
  }
}

async function describeParts(
  { url, sha256 }: FileTarget,
  request: { readonly credentials: Credentials | undefined; readonly signal: AbortSignal },
  onMove: () => void,
): Promise<readonly RemoteFile[]> {
  const { pathname } = new URL(url);
  if (/\.part\d+of\d+$/i.test(pathname)) {
    throw new DownloadError("Waggle cannot join files that were cut into byte parts (.part1of2)");
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
