// Owns the lines that wait for a reader. A stalled log reader must never hold tokens back, so nothing here waits: there
// is room, or the line is kept up to a limit, or it is dropped and counted. It does not know what is on the other side.

/** Most bytes of log text that wait for a reader. */
export const maxPendingLogBytes: number = 1024 * 1024;

export interface LogSink {
  /** Takes one finished line, newline included. Never throws and never waits. */
  write(line: string): void;
}

export interface LogSinkOptions {
  /** Bytes taken, 0 when there is no room now. Throwing means that the reader is gone for good. */
  readonly take: (bytes: Uint8Array) => number;
  /** Asks for one call of `flush` when there may be room again. */
  readonly requestFlush: () => void;
}

export interface BufferedLogSink extends LogSink {
  /** Writes what waits, as far as there is room; true when nothing waits any more. */
  flush(): boolean;
}

/** A sink with a bounded buffer in front of `take`. Once the reader is gone it is silent: a daemon outlives its log. */
export function createBufferedLogSink(options: LogSinkOptions): BufferedLogSink {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let dropped = 0;
  let gone = false;

  function offer(bytes: Uint8Array): Uint8Array {
    try {
      return bytes.subarray(options.take(bytes));
    } catch {
      gone = true;
      return bytes.subarray(bytes.length);
    }
  }

  function keep(bytes: Uint8Array): void {
    if (pendingBytes === 0) options.requestFlush();
    pending.push(bytes);
    pendingBytes += bytes.length;
  }

  function flush(): boolean {
    if (pendingBytes === 0) return true;
    const rest = offer(Buffer.concat(pending));
    pending = rest.length === 0 ? [] : [rest];
    pendingBytes = rest.length;
    if (pendingBytes > 0) options.requestFlush();
    else if (dropped > 0) reportDropped();
    return pendingBytes === 0;
  }

  function reportDropped(): void {
    const line = `${dropped} log lines dropped: nobody was reading the log\n`;
    dropped = 0;
    write(line);
  }

  function write(line: string): void {
    if (gone) return;
    const bytes = Buffer.from(line);
    if (pendingBytes + bytes.length > maxPendingLogBytes) dropped += 1;
    else if (pendingBytes > 0) keep(bytes);
    else {
      const rest = offer(bytes);
      if (rest.length > 0) keep(rest);
    }
  }

  return { write, flush };
}
