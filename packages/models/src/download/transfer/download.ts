// Downloads a model, in one process at a time. Starts again if the file changes on the server, and fails if the server stops sending.
import type { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createStallTimer, linkSignals, makeFolder, systemClock, type Clock } from "@waggle/async";
import { askForFile } from "../reference/ask-for-file.ts";
import { askForProjector } from "../reference/ask-for-projector.ts";
import { describeFile, type RemoteFile } from "../folder/describe-file.ts";
import { cannotDownload, DownloadError, FileChangedError, shownReference } from "./download-error.ts";
import { bytesHere, fetchParts, totalSize } from "./fetch-parts.ts";
import { readRecord, withReference, writeRecord } from "../folder/download-record.ts";
import { LockLostError, lockFile } from "../folder/file-lock.ts";
import { findByPlace, findPresent, partSizes, sumOf } from "../reference/find-present.ts";
import { allParts } from "../folder/model-names.ts";
import type { Credentials } from "./open-url.ts";
import { hubPlace, type FileTarget, type RemoteTarget } from "../reference/parse-reference.ts";
import { openRecord } from "./open-record.ts";
import {
  createProgressMeter,
  meterWithin,
  type ProgressMeter,
  type ProgressPlace,
  type PullProgress,
} from "./progress.ts";

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
  /** Download the projector that the repository has for the model. */
  readonly projector: boolean;
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
  const { folder, update } = options;
  meter.tell({ stage: "asking" });
  const asked = await askForFile(target, { ...options, signal });
  const known = await findByPlace(folder, asked);
  // A file of the hub is stored once: a download under another reference is continued or used.
  const file = known === undefined ? asked : { ...asked, name: basename(known) };
  onMove();
  const request = { credentials: file.credentials ?? options.credentials, signal };
  const projector = options.projector ? await askForProjector(file, target.kind === "tag", request) : undefined;
  onMove();
  const isHere = async (wanted: FileTarget): Promise<boolean> =>
    !update && (await findPresent(folder, wanted)) !== undefined;
  const files: Remote[] = [];
  for (const wanted of projector ? [file, projector] : [file]) {
    if (!(await isHere(wanted))) files.push({ file: wanted, parts: await describeParts(wanted, request, onMove) });
  }
  const path = join(folder, file.name);
  const projectorName = projector === undefined || projector === null ? projector : basename(projector.name);
  if (!files.some((remote) => remote.file === file)) await noteRequest(path, download.reference, projectorName);
  const all = { ...download, options: { ...options, credentials: request.credentials } };
  const fetched: boolean[] = [];
  // The model comes first: it can be used without the projector.
  for (const remote of files) {
    const part = { ...all, meter: meterWithin(meter, progressPlace(remote, files)) };
    fetched.push(await fetchLocked(remote, remote.file === file ? projectorName : undefined, part));
  }
  return { path, downloaded: fetched.includes(true) };
}

/** A file that is not in the folder, with what the server says of its parts. */
interface Remote {
  readonly file: FileTarget;
  readonly parts: readonly RemoteFile[];
}

function progressPlace(remote: Remote, all: readonly Remote[]): ProgressPlace {
  const before = all.slice(0, all.indexOf(remote)).flatMap(({ parts }) => parts);
  const parts = all.flatMap((one) => one.parts);
  return {
    bytesBefore: totalSize(before) ?? 0,
    partsBefore: before.length,
    totalBytes: totalSize(parts),
    parts: parts.length,
  };
}

/** Adds the reference and the projector to the record of a model that is in the folder. */
async function noteRequest(path: string, reference: string, projector: string | null | undefined): Promise<void> {
  const record = await readRecord(path);
  if (record === undefined) return;
  const noted = withReference(record, shownReference(reference));
  if (noted === record && (projector === undefined || record.projector === projector)) return;
  await writeRecord(path, projector === undefined ? noted : { ...noted, projector });
}

/** @returns false if the whole file was already in the folder */
async function fetchLocked(
  { file, parts: remotes }: Remote,
  projector: string | null | undefined,
  { reference, options, signal, meter, onMove }: Download,
): Promise<boolean> {
  const { folder, endpoint } = options;
  const path = join(folder, file.name);
  makeFolder(dirname(path));
  let waited = false;
  await using lock = await lockFile(`${path}.lock`, signal, async () => {
    waited = true;
    onMove();
    // Report the other process's progress.
    meter.startAt(sumOf(await bytesHere(path, remotes, await partSizes(path))));
    meter.tell({ stage: "waiting", totalBytes: totalSize(remotes), parts: remotes.length });
  });
  using held = linkSignals(signal, lock.lost);
  const { extras, hub } = file;
  const place = hub === undefined ? undefined : hubPlace(hub);
  const recording = await openRecord(path, remotes, { reference, folder, endpoint, extras, place, projector });
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
