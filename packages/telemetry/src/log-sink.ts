// Buffers log lines for a reader. A stalled log reader must never delay tokens, so no call waits: a line is written, or kept up to a limit, or
// dropped and counted.

/** Limit for the bytes of log text that wait for the reader. */
export const maxPendingLogBytes: number = 1024 * 1024;

export interface LogSink {
  /** Writes a line that ends with its newline. Never throws and never waits. */
  write(line: string): void;
}

export interface LogSinkOptions {
  /** Passes bytes to the reader and returns how many the reader took; 0 when it has no room now. Throws if the reader is gone. */
  readonly take: (bytes: Uint8Array) => number;
  /** Schedules one call of `flush`, for a time when the reader may have room again. */
  readonly requestFlush: () => void;
}

export interface BufferedLogSink extends LogSink {
  /** Writes the waiting lines for which the reader has room. Returns true when no line waits any more. */
  flush(): boolean;
}

/** A sink with a bounded buffer in front of `take`. When the reader is gone, the sink drops all lines silently, so that the daemon keeps running. */
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
    const line = `${dropped} log ${dropped === 1 ? "line" : "lines"} dropped: the log had no reader\n`;
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
