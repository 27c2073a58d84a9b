// Owns a daemon's JSON log as something to wait on: a line that has come, or that will.
import { waitFor } from "./waits.ts";

export type LogLine = Readonly<Record<string, unknown>>;

export interface LogWatch {
  add(text: string): void;
  readonly lines: readonly LogLine[];
  /** The first line that fits, from the line with index `from` on. @throws TimeoutError, or Error when the log ends before */
  line(what: string, fits: (line: LogLine) => boolean, options?: LogWait): Promise<LogLine>;
  /** Nothing comes any more: whoever waits hears of it. */
  end(): void;
}

export interface LogWait {
  /** `lines.length` of the moment from which on lines count; all of them by default. */
  readonly from?: number;
  readonly limitMs?: number;
}

/** A soak writes a few lines for each of its thousands of streams. */
const linesLimit = 200_000;

export function createLogWatch(): LogWatch {
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  let ended = false;

  function tell(): void {
    for (const watcher of [...watchers]) watcher();
  }

  return {
    lines,
    add(text) {
      const line = parse(text);
      if (line === undefined || lines.length >= linesLimit) return;
      lines.push(line);
      tell();
    },
    line(what, fits, { from = 0, limitMs } = {}) {
      let seen = from;
      let stop = (): void => {};
      const found = new Promise<LogLine>((resolve, reject) => {
        const look = (): void => {
          for (; seen < lines.length; seen += 1) {
            const line = lines[seen];
            if (line !== undefined && fits(line)) return resolve(line);
          }
          if (ended) reject(new Error(`The log ended before ${what}`));
        };
        stop = () => watchers.delete(look);
        watchers.add(look);
        look();
      });
      return waitFor(what, found, limitMs).finally(stop);
    },
    end() {
      ended = true;
      tell();
    },
  };
}

function parse(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    // What a dying process prints is no log line.
    return undefined;
  }
}
