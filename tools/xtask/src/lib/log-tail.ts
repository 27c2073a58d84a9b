// Owns the last lines of a child's log, and which of them explain why it failed.
export interface LogTail {
  add(line: string): void;
  /** Whether it holds a warning, an error, or something that is no log line: what a dying process prints. */
  readonly hasTrouble: boolean;
  /** The lines that explain a failure, made readable: its troubles where it has any, else simply the last lines. */
  explanation(): string[];
  /** The message of the last error in the log, with its cause. */
  lastError(): string | undefined;
}

interface LogLine {
  readonly level: "quiet" | "warn" | "error";
  readonly text: string;
}

const linesKept = 200;
const linesShown = 12;
const lineCharsLimit = 2_000;

export function createLogTail(): LogTail {
  const lines: LogLine[] = [];
  const troubles = (): LogLine[] => lines.filter(({ level }) => level !== "quiet");
  return {
    add(line) {
      if (line.trim() === "") return;
      lines.push(parseLogLine(line.slice(0, lineCharsLimit)));
      if (lines.length > linesKept) lines.shift();
    },
    get hasTrouble() {
      return troubles().length > 0;
    },
    explanation() {
      const telling = troubles().length > 0 ? troubles() : lines;
      return telling.slice(-linesShown).map(({ text }) => text);
    },
    lastError: () => lines.findLast(({ level }) => level === "error")?.text,
  };
}

/** The daemons log one JSON object a line; anything else was not written by their logger. */
function parseLogLine(line: string): LogLine {
  const { level, msg, err } = objectOf(line);
  if (typeof level !== "string" || typeof msg !== "string") return { level: "error", text: line };
  const cause = messageOf(err);
  const text = cause === undefined || msg.includes(cause) ? msg : `${msg}: ${cause}`;
  if (level === "error" || level === "fatal") return { level: "error", text };
  return { level: level === "warn" ? "warn" : "quiet", text };
}

function messageOf(err: unknown): string | undefined {
  const message = typeof err === "object" && err !== null && "message" in err ? err.message : undefined;
  return typeof message === "string" ? message : undefined;
}

function objectOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
