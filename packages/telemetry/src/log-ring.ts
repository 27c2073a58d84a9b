// Keeps the last lines of the log in memory, never on disk, so that a request can read them. Lines and bytes are bounded. The logger has already
// redacted the lines.
import type { LogSink } from "./log-sink.ts";

/** A log line, parsed. */
export interface RingLine {
  /** Counts all lines since the process started, from 0. */
  readonly seq: number;
  /** ISO 8601. */
  readonly time: string;
  readonly level: string;
  readonly message: string;
  /** The line's other fields, without the process's name and id. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogRing extends LogSink {
  /** The newest lines with a higher `seq` than `after`, oldest first. All lines if `after` is from before a restart of the process. */
  last(count: number, after?: number): readonly RingLine[];
}

interface Kept {
  readonly seq: number;
  readonly text: string;
}

/** Lines stay text until a request reads them, which is rare. Characters count as bytes, because lines are nearly all ASCII. */
export function createLogRing({
  maxLines = 500,
  maxBytes = 262_144,
}: { maxLines?: number; maxBytes?: number } = {}): LogRing {
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
        .filter(({ seq }) => seq > after || after >= count)
        .slice(-wanted)
        .map(read),
  };
}

function read({ seq, text }: Kept): RingLine {
  const { time, level, msg, name: _, pid: __, ...fields } = JSON.parse(text) as Record<string, unknown>;
  return { seq, time: String(time), level: String(level), message: typeof msg === "string" ? msg : "", fields };
}
