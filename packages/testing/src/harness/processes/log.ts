// Owns a daemon's log: its JSON lines as something to wait on, and which of its last lines explain why it failed.
import { createArrivals, type FirstOptions } from "../arrivals.ts";

export type LogLine = Readonly<Record<string, unknown>>;

export interface Log {
  add(text: string): void;
  /** The daemon has left, and why. */
  end(reason?: string): void;
  readonly lines: readonly LogLine[];
  /** All of it, what is no JSON line too. */
  readonly text: string;
  /** The first line that fits, come or still to come. @throws TimeoutError, or Error when the log ends before */
  line(what: string, fits: (line: LogLine) => boolean, options?: FirstOptions): Promise<LogLine>;
  /** Whether its tail holds a warning, an error, or something that is no log line: what a dying process prints. */
  readonly hasTrouble: boolean;
  /** The lines that explain a failure, made readable: its troubles where it has any, else simply the last lines. */
  explanation(): string[];
  /** The message of the last error in the log, with its cause. */
  lastError(): string | undefined;
}

interface Told {
  readonly level: "quiet" | "warn" | "error";
  readonly text: string;
}

/** A soak writes a few lines for each of its thousands of streams. */
const linesLimit = 200_000;
const tailLines = 200;
const linesShown = 12;
const lineCharsLimit = 2_000;

export function createLog(): Log {
  const arrivals = createArrivals<LogLine>("log", linesLimit);
  const tail: Told[] = [];
  const others: string[] = [];
  const troubles = (): Told[] => tail.filter(({ level }) => level !== "quiet");
  return {
    add(text) {
      if (text.trim() === "") return;
      const line = objectIn(text);
      if (line !== undefined) arrivals.add(line);
      else if (others.length < linesLimit) others.push(text);
      tail.push(tellOf(text.slice(0, lineCharsLimit), line ?? {}));
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

/** Log lines with this message and, where it is given, about this job. */
export function logged(message: string, job?: string): (line: LogLine) => boolean {
  return (line) => line["msg"] === message && (job === undefined || line["job"] === job);
}

/** Milliseconds by the log's own clock; NaN where one of the two is missing, which is within no limit. */
export function timeBetween(earlier: LogLine | undefined, later: LogLine | undefined): number {
  return Date.parse(String(later?.["time"])) - Date.parse(String(earlier?.["time"]));
}

/** The daemons log one JSON object a line; anything else was not written by their logger. */
function tellOf(text: string, { level, msg, err, reason }: LogLine): Told {
  if (typeof level !== "string" || typeof msg !== "string") return { level: "error", text };
  const cause = typeof err === "object" && err !== null && "message" in err ? String(err.message) : stringOf(reason);
  const explained = cause === undefined || msg.includes(cause) ? msg : `${msg}: ${cause}`;
  if (level === "error" || level === "fatal") return { level: "error", text: explained };
  return { level: level === "warn" ? "warn" : "quiet", text: explained };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The JSON object that the text is, if it is one. */
export function objectIn(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
