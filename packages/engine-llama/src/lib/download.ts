// Owns a download: its progress, its end when nothing arrives any more, and that no file which is not whole ever bears a model's name.
import { rename, stat } from "node:fs/promises";
import { linkSignals, onAbort } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { createModelDownloader, type ModelDownloader, type ResolveModelFileOptions } from "node-llama-cpp";
import { createStallTimer } from "./stall-timer.ts";

/** The library's ending for a file that is not whole; it continues one that it finds. */
const partialSuffix = ".ipull";

export interface DownloadProgress {
  /** The reference, as it was given. */
  readonly file: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface DownloadOptions {
  readonly folder: string;
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
}

export function cannotDownload(reference: string, reason: string, cause?: unknown): WaggleError {
  return new WaggleError("unavailable", `Cannot download model ${reference}: ${reason}`, { cause });
}

/** Where the library looks, and with which token; without one it takes what Hugging Face's own tools have left in the home folder. */
export function remoteOptions(endpoint: string, token?: string): Pick<ResolveModelFileOptions, "endpoints" | "tokens"> {
  return { endpoints: { huggingFace: endpoint }, ...(token === undefined ? {} : { tokens: { huggingFace: token } }) };
}

/** @throws WaggleError unavailable; the signal's reason when it aborts */
export async function downloadModel(reference: string, options: DownloadOptions): Promise<string> {
  const { signal, stallTimeoutMs } = options;
  using stall = createStallTimer(stallTimeoutMs);
  using stop = linkSignals(signal, stall.signal);
  try {
    const downloader = await unlessAborted(openDownloader(reference, options, stall.restart), stop);
    await run(downloader, stop);
    return downloader.entrypointFilePath;
  } catch (error) {
    signal?.throwIfAborted();
    throw cannotDownload(reference, downloadReason(error), error);
  }
}

async function openDownloader(
  reference: string,
  { folder, endpoint, token, onProgress }: DownloadOptions,
  onBytes: () => void,
): Promise<ModelDownloader> {
  let lastBytes = 0;
  return await createModelDownloader({
    modelUri: reference,
    dirPath: folder,
    deleteTempFileOnCancel: false,
    ...remoteOptions(endpoint, token),
    onProgress({ downloadedSize, totalSize }) {
      if (downloadedSize > lastBytes) onBytes();
      lastBytes = downloadedSize;
      onProgress?.({ file: reference, doneBytes: downloadedSize, totalBytes: totalSize });
    },
  });
}

async function run(downloader: ModelDownloader, stop: AbortSignal): Promise<void> {
  let cancelled: Promise<void> | undefined;
  const unlisten = onAbort(stop, () => {
    cancelled = downloader.cancel({ deleteTempFile: false });
  });
  try {
    if (!stop.aborted) await downloader.download();
  } finally {
    unlisten();
    await cancelled;
    await markPartialFiles(downloader);
  }
  stop.throwIfAborted();
}

/** The library gives a download that is cancelled at its very end the final name, with its own notes behind the model. */
async function markPartialFiles(downloader: ModelDownloader): Promise<void> {
  for (const { filePath, totalSize } of downloader.filesInfo) {
    const size = await sizeOf(filePath);
    if (size !== undefined && size !== totalSize) await rename(filePath, filePath + partialSuffix);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The promise's outcome, or the signal's reason if that comes first: the library takes no signal until it has the first answer. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let unlisten = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    unlisten = onAbort(signal, () => reject(signal.reason as Error));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    unlisten();
  }
}

function downloadReason(error: unknown): string {
  const { message } = error as Error;
  const status = /status code: (\d{3})/i.exec(message)?.[1];
  if (status === "401" || status === "403") return `the server refuses it (HTTP ${status}); it may need a token`;
  if (status === "404") return "the server has no such file (HTTP 404)";
  return status === undefined ? message : `the server answered HTTP ${status}`;
}
