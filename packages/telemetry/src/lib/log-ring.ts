// Owns the last lines of the log, for whoever asks the running process: bounded in lines and bytes, and never on disk. What must not be in a
// log has been taken out of a line before it comes here.
import type { LogSink } from "./log-sink.ts";

/** A line as it was written, taken apart. */
export interface RingLine {
  /** Counts all lines since the process started, from 0. */
  readonly seq: number;
  /** ISO 8601. */
  readonly time: string;
  readonly level: string;
  readonly message: string;
  /** What it says besides, without the process's name and number. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogRing extends LogSink {
  /** The newest lines with a higher `seq` than `after`, oldest first. */
  last(count: number, after?: number): readonly RingLine[];
}

export interface LogRingOptions {
  readonly maxLines?: number;
  readonly maxBytes?: number;
}

interface Kept {
  readonly seq: number;
  readonly text: string;
}

/** Lines stay text until somebody asks: hardly anybody does. Characters count as bytes, since lines are nearly all ASCII. */
export function createLogRing({ maxLines = 500, maxBytes = 262_144 }: LogRingOptions = {}): LogRing {
  const kept: Kept[] = [];
  let bytes = 0;
  let count = 0;

  return {
    write(line) {
      const seq = count++;
      if (line.length > maxBytes) return;
      kept.push({ seq, text: line });
      bytes += line.length;
      while (kept.length > maxLines || bytes > maxBytes) bytes -= kept.shift()?.text.length ?? 0;
    },
    last: (wanted, after = -1) =>
      kept
        .filter(({ seq }) => seq > after)
        .slice(-wanted)
        .map(read),
  };
}

function read({ seq, text }: Kept): RingLine {
  const { time, level, msg, name: _, pid: __, ...fields } = JSON.parse(text) as Record<string, unknown>;
  return { seq, time: String(time), level: String(level), message: typeof msg === "string" ? msg : "", fields };
}
