// Owns a download: from what is asked for to whole files, one process at a time, begun again when the file is another one meanwhile, and its
// end when nothing arrives any more.
import type { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { linkSignals, makeFolder, systemClock, type Clock } from "@waggle/async";
import { askForFile } from "./ask-for-file.ts";
import { describeFile, type RemoteFile } from "./describe-file.ts";
import { cannotDownload, DownloadError, FileChangedError } from "./download-error.ts";
import { bytesHere, fetchParts, sumOf, totalSize } from "./fetch-parts.ts";
import { LockLostError, lockFile } from "./file-lock.ts";
import { findPresent, partSizes } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import type { Credentials } from "./open-url.ts";
import type { FileTarget, RemoteTarget } from "./parse-reference.ts";
import { openRecord } from "./open-record.ts";
import { createProgressMeter, type ProgressMeter, type PullProgress } from "./progress.ts";
import { createStallTimer } from "./stall-timer.ts";

/** A file that is another one each time it is asked for is refused after so many beginnings. */
const mostBeginnings = 3;
/** A connection may be silent for this share of the time that the whole download may be: then there is time for another one. */
const silentShare = 0.5;

export interface DownloadOptions {
  readonly folder: string;
  readonly endpoint: string;
  readonly ollamaEndpoint: string;
  /** For the hub. */
  readonly credentials: Credentials | undefined;
  /** For each file, at most. */
  readonly connections: number;
  /** How long nothing may arrive. */
  readonly stallTimeoutMs: number;
  /** Ask for what is newer, even if the model is here. */
  readonly update: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: PullProgress) => void) | undefined;
  readonly clock?: Clock;
  /** How files of bytes are opened, for tests of what disks do. */
  readonly openFile?: typeof open | undefined;
}

/** What all steps of one download share. */
interface Download {
  readonly reference: string;
  readonly options: DownloadOptions;
  readonly signal: AbortSignal;
  readonly meter: ProgressMeter;
  /** Something has moved: the time in which nothing may do so begins again. */
  readonly onMove: () => void;
}

export interface Downloaded {
  /** Of the first part. */
  readonly path: string;
  /** False: it was here already. */
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
  const former = options.update ? undefined : await findFormer(folder, file, remotes);
  if (former !== undefined) return { path: former, downloaded: false };

  const path = join(folder, file.name);
  makeFolder(dirname(path));
  const downloaded = await fetchLocked(path, file, remotes, { ...download, options: { ...options, credentials } });
  return { path, downloaded };
}

/** False: all of it is here. */
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
    // The other's progress is this one's too.
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
    // A failure here would hide the one that led here; what is left is listed, and can be removed.
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
