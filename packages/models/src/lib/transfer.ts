// Owns the way of one file from a server to the disk, over several connections and attempt after attempt, until it is whole.
import type { open } from "node:fs/promises";
import { createBackoff, linkSignals, sleep } from "@waggle/async";
import type { RemoteFile } from "./describe-file.ts";
import { DownloadError } from "./download-error.ts";
import type { Credentials } from "./open-url.ts";
import { openPartial } from "./partial-file.ts";
import { RangesRefusedError, receiveSpan, receiveWhole, type ReceiveOptions } from "./receive.ts";
import { createSpanQueue, type SpanQueue } from "./span-queue.ts";

/** Between two attempts that bring nothing; the stall timer ends them. */
const retryDelaysMs = [100, 500, 1_000, 2_000, 5_000];
/** After so many attempts that bring nothing a connection leaves the file to the others: servers limit how many they take. */
const mostFruitless = 3;

export interface TransferOptions {
  readonly credentials: Credentials | undefined;
  /** At most. */
  readonly connections: number;
  /** How long a connection may bring nothing. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Bytes were received: so many are here now. */
  readonly onBytes: (doneBytes: number) => void;
  /** So many bytes have been hashed; once all are here, what is left of them. */
  readonly onChecked: (checkedBytes: number, isWhole: boolean) => void;
  readonly openFile?: typeof open | undefined;
}

/**
 * Fetches a file, or the rest of it, and checks it. A connection that breaks is opened again where what is here can be continued.
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

/** False: the server knows no ranges, whatever it said before. */
async function receiveRanges(options: ReceiveOptions, mostConnections: number): Promise<boolean> {
  const sizeBytes = options.remote.sizeBytes ?? 0;
  try {
    // Once is enough, unless the last two connections leave at the same moment, each to the other.
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

/** Settles when no connection is open any more. @throws the first failure that no other attempt can make up for */
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

/** One request after the other, while there is something to fetch. */
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
