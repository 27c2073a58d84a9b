// Downloads a file over several connections, and retries until the file is complete. Decision 040.
import type { open } from "node:fs/promises";
import { createBackoff, linkSignals, sleep } from "@waggle/async";
import type { RemoteFile } from "../folder/describe-file.ts";
import { DownloadError } from "./download-error.ts";
import { openPartial } from "./partial-file.ts";
import { RangesRefusedError, receiveSpan, receiveWhole, type ReceiveOptions } from "./receive.ts";
import { createSpanQueue, type SpanQueue } from "./span-queue.ts";

/** Delays between attempts that receive nothing. The stall timeout ends the retries. */
const retryDelaysMs = [100, 500, 1_000, 2_000, 5_000];
/** After this many attempts without a byte, a connection stops unless it is the last: servers limit the number of connections. */
const mostFruitless = 3;

export interface TransferOptions extends Pick<ReceiveOptions, "credentials" | "silenceMs" | "signal"> {
  /** Maximum number of parallel connections. */
  readonly connections: number;
  /** Called when bytes arrive, with the number of bytes received so far. */
  readonly onBytes: (doneBytes: number) => void;
  /** Called with the number of hashed bytes. @param isWhole whether all bytes have arrived */
  readonly onChecked: (checkedBytes: number, isWhole: boolean) => void;
  readonly openFile?: typeof open | undefined;
}

/**
 * Downloads a file, or the rest of it, and checks its hash. Broken connections are opened again if the download can be resumed.
 * @throws DownloadError; FileChangedError; the signal's reason when it aborts
 */
export async function transferFile(remote: RemoteFile, path: string, options: TransferOptions): Promise<void> {
  const { signal, onBytes, onChecked, openFile } = options;
  let isWhole = false;
  await using partial = await openPartial(path, remote, {
    onHashed(bytes) {
      signal.throwIfAborted();
      onChecked(bytes, isWhole);
    },
    openFile,
  });
  const receive: ReceiveOptions = { ...options, remote, partial, onBytes: () => onBytes(partial.doneBytes) };
  onBytes(partial.doneBytes);
  if (remote.resumeKey === undefined || !(await receiveRanges(receive, options.connections))) {
    await partial.clear();
    await receiveWhole(receive);
  }
  signal.throwIfAborted();
  isWhole = true;
  if (remote.sha256 !== undefined) onChecked(0, isWhole);
  await partial.complete();
}

/** @returns false if the server does not support range requests, although it announced them */
async function receiveRanges(options: ReceiveOptions, mostConnections: number): Promise<boolean> {
  const sizeBytes = options.remote.sizeBytes ?? 0;
  try {
    // A second pass is needed only if the last two connections stop at the same moment: each stops because the other connection is still open.
    for (;;) {
      const missing = options.partial.missing(sizeBytes);
      if (missing.length === 0) return true;
      await receiveSpans(createSpanQueue(missing, mostConnections), options, mostConnections);
    }
  } catch (error) {
    if (error instanceof RangesRefusedError) return false;
    throw error;
  }
}

/** Settles when all connections are closed. @throws the first error that a retry cannot fix */
async function receiveSpans(spans: SpanQueue, options: ReceiveOptions, mostConnections: number): Promise<void> {
  const failed = new AbortController();
  using signal = linkSignals(options.signal, failed.signal);
  let open = 0;

  async function connect(): Promise<void> {
    open += 1;
    try {
      await runConnection(spans, { ...options, signal }, () => open > 1);
    } catch (error) {
      failed.abort(error);
    } finally {
      open -= 1;
    }
  }

  await Promise.all(Array.from({ length: mostConnections }, connect));
  options.signal.throwIfAborted();
  failed.signal.throwIfAborted();
}

/** Sends one request after the other until no span is left. */
async function runConnection(spans: SpanQueue, options: ReceiveOptions, hasNeighbours: () => boolean): Promise<void> {
  const backoff = createBackoff({ delaysMs: retryDelaysMs, jitter: 0.2 });
  for (let span = spans.claim(); span !== undefined; span = spans.claim()) {
    const from = span.at;
    try {
      await receiveSpan(span, options);
      backoff.reset();
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof DownloadError && error.transient)) throw error;
      if (span.at > from) backoff.reset();
      spans.release(span);
      if (backoff.attempts >= mostFruitless && hasNeighbours()) return;
      await sleep(backoff.next(), { signal: options.signal });
    } finally {
      spans.release(span);
    }
  }
}
