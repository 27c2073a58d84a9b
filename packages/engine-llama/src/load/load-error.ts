// Writes the message of a failed load: the model's file, and a reason that helps the user.
import { WaggleError } from "@waggle/protocol";

/** Maximum number of lines of llama.cpp's error log that are kept while a model loads. */
const maxErrorLines = 64;

export function cannotLoad(modelPath: string, reason: string, cause?: unknown): WaggleError {
  return new WaggleError("unavailable", `Cannot load model ${modelPath}: ${reason}`, { cause });
}

export interface ErrorLines {
  add(line: string): void;
  /** Waits for llama.cpp's log lines, which arrive from another thread after the failure. @returns the reason in them */
  reason(): Promise<string | undefined>;
}

/** Collects llama.cpp's error log while a model loads, because its exceptions contain no reason. */
export function createErrorLines(): ErrorLines {
  const lines: string[] = [];
  return {
    add(line) {
      if (lines.length < maxErrorLines) lines.push(...line.split("\n").filter((part) => part.trim() !== ""));
    },

    async reason() {
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      return reasonIn(lines);
    },
  };
}

/** Finds the last line with a reason. Skips lines which only say that loading failed. */
export function reasonIn(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const reason = /error loading model(?: \w+)?: (.+)$/.exec(line)?.[1];
    if (reason === undefined) continue;
    // Lines with this text only add the path, which is already in our message.
    if (!reason.includes("failed to load model from")) return reason.replace(/^\w+: /, "").trim();
  }
  const detail = lines.toReversed().find((line) => !/failed to (load|read key|initialize)/i.test(line));
  return detail?.replace(/^\w+: /, "").trim();
}
