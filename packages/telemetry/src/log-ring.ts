// Keeps the last lines of the log in memory, and passes each line to the day on disk, so that requests can read both. Lines and bytes are
// bounded; beyond, the client with the most lines or bytes loses its oldest one, so that it cannot push out the server's lines. The logger has already
// redacted the lines.
import { createHoldings } from "@waggle/async";
import { lineLevels, type LogLine } from "@waggle/protocol";
import { isPartOf, isPast, type DayLog, type PastQuery } from "./day-log.ts";
import type { LogSink } from "./log-sink.ts";

export interface LogQuery extends PastQuery {
  /** Most lines; the newest ones are returned. */
  readonly count: number;
  /** Lines with a higher `seq`. All lines if `after` is from a later process. */
  readonly after?: number | undefined;
  /** The least severe level. */
  readonly level?: LogLine["level"] | undefined;
}

export interface LogRing extends LogSink {
  /** Oldest first. Lines of a time, a job or a client come also from the day on disk. */
  find(query: LogQuery): Promise<readonly LogLine[]>;
}

export interface LogRingOptions {
  readonly maxLines?: number;
  readonly maxBytes?: number;
  /** Number of the first line. By default the time, so that numbers increase over restarts. */
  readonly firstSeq?: number;
  readonly day?: Pick<DayLog, "add" | "read"> | undefined;
}

/** Lines stay text until a request reads them, which is rare. Characters count as bytes, because lines are nearly all ASCII. */
export function createLogRing(options: LogRingOptions = {}): LogRing {
  const { maxLines = 500, maxBytes = 262_144, firstSeq = Date.now(), day } = options;
  /** Each line with its number as its first field. */
  const bytes = createHoldings<string>();
  const lines = createHoldings<string>();
  let next = firstSeq;

  return {
    write(line) {
      const text = `{"seq":${next++},${line.trimEnd().slice(1)}`;
      const client = clientIn.exec(text)?.[1];
      day?.add("log", text, client);
      if (text.length > maxBytes) return;
      bytes.set(client ?? "", text, text.length);
      lines.set(client ?? "", text, 1);
      while (lines.size > maxLines || bytes.size > maxBytes) {
        const [oldest = ""] = (bytes.size > maxBytes ? bytes : lines).ofLargest;
        bytes.remove(oldest);
        lines.remove(oldest);
      }
    },
    async find(query) {
      const { after = -1, count, level } = query;
      const wanted = [...lines]
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .filter((line) => isPartOf(query, Date.parse(String(line["time"])), line) && isAsSevere(line, level))
        .filter(({ seq }) => Number(seq) > after || after >= next)
        .map(logLineOf);
      const stored = after < 0 && isPast(query) && day !== undefined ? await logLinesOf(day.read, query) : [];
      const bySeq = new Map([...stored, ...wanted].map((line) => [line.seq, line]));
      return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq).slice(-count);
    },
  };
}

/** The lines that a day on disk has, oldest first. */
export async function logLinesOf(read: DayLog["read"], { level, ...query }: LogQuery): Promise<readonly LogLine[]> {
  const rows = await read({ ...query, kind: "log", matches: (line) => isAsSevere(line, level) });
  return rows.map(({ value }) => logLineOf(value));
}

const clientIn = /"client":"([A-Za-z0-9._-]+)"/;

function isAsSevere(line: Record<string, unknown>, level: LogLine["level"] = "trace"): boolean {
  return lineLevels.indexOf(line["level"] as LogLine["level"]) >= lineLevels.indexOf(level);
}

function logLineOf(line: Record<string, unknown>): LogLine {
  const { seq, time, level, msg, name: _, pid: __, ...fields } = line;
  const message = typeof msg === "string" ? msg : "";
  return { seq: Number(seq), time: String(time), level: String(level) as LogLine["level"], message, fields };
}
