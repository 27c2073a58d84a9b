// Owns a daemon's log: waits for its JSON lines, and the choice of last lines that explain a failure.
import { createArrivals, type FirstOptions } from "../arrivals.ts";

export type LogLine = Readonly<Record<string, unknown>>;

export interface Log {
  add(text: string): void;
  /** Ends the log. @param reason why the daemon exited */
  end(reason?: string): void;
  readonly lines: readonly LogLine[];
  /** The JSON lines, then all other lines. */
  readonly text: string;
  /** Resolves with the first line that fits, past or future. @throws TimeoutError; Error when the log ends before */
  line(what: string, fits: (line: LogLine) => boolean, options?: FirstOptions): Promise<LogLine>;
  /** Whether the last 200 lines have a warning, an error, or a line that is not from the logger, such as the output of a crash. */
  readonly hasTrouble: boolean;
  /** Up to 12 lines that explain a failure, without JSON: the last warnings and errors if there are any, otherwise the last lines. */
  explanation(): string[];
  /** The message of the last error in the log, with its cause. */
  lastError(): string | undefined;
}

interface TailLine {
  readonly level: "quiet" | "warn" | "error";
  readonly text: string;
}

/** Enough for a soak, whose daemons log a few lines for each of thousands of streams. */
const linesLimit = 200_000;
const tailLines = 200;
const linesShown = 12;
const lineCharsLimit = 2_000;

export function createLog(): Log {
  const arrivals = createArrivals<LogLine>("log", linesLimit);
  const tail: TailLine[] = [];
  const others: string[] = [];
  const troubles = (): TailLine[] => tail.filter(({ level }) => level !== "quiet");
  return {
    add(text) {
      if (text.trim() === "") return;
      const line = objectIn(text);
      if (line !== undefined) arrivals.add(line);
      else if (others.length < linesLimit) others.push(text);
      tail.push(tailLineOf(text.slice(0, lineCharsLimit), line ?? {}));
      if (tail.length > tailLines) tail.shift();
    },
    end: arrivals.end,
    lines: arrivals.items,
    get text() {
      return [...arrivals.items.map((line) => JSON.stringify(line)), ...others].join("\n");
    },
    line: (what, fits, options) => arrivals.first(what, fits, options),
    get hasTrouble() {
      return troubles().length > 0;
    },
    explanation() {
      const telling = troubles().length > 0 ? troubles() : tail;
      return telling.slice(-linesShown).map(({ text }) => text);
    },
    lastError: () => tail.findLast(({ level }) => level === "error")?.text,
  };
}

/** Accepts log lines with this message and, if given, of this job. */
export function logged(message: string, job?: string): (line: LogLine) => boolean {
  return (line) => line["msg"] === message && (job === undefined || line["job"] === job);
}

/** Milliseconds between the times of two log lines. NaN when a line is missing, so that a comparison with a limit fails. */
export function timeBetween(earlier: LogLine | undefined, later: LogLine | undefined): number {
  return Date.parse(String(later?.["time"])) - Date.parse(String(earlier?.["time"]));
}

/** A daemon's logger writes JSON objects with level and message. Other lines have another source and count as errors. */
function tailLineOf(text: string, { level, msg, err, reason }: LogLine): TailLine {
  if (typeof level !== "string" || typeof msg !== "string") return { level: "error", text };
  const cause = typeof err === "object" && err !== null && "message" in err ? String(err.message) : stringOf(reason);
  const explained = cause === undefined || msg.includes(cause) ? msg : `${msg}: ${cause}`;
  if (level === "error" || level === "fatal") return { level: "error", text: explained };
  return { level: level === "warn" ? "warn" : "quiet", text: explained };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Parses a JSON object; undefined for any other text. */
export function objectIn(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
