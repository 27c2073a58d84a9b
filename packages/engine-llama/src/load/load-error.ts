// Writes the message of a failure to load a model: the file, then one reason that a person can act on.
import { WaggleError } from "@waggle/protocol";

/** Most lines of llama.cpp's error log that are kept while a model loads. */
const maxErrorLines = 64;

export function cannotLoad(modelPath: string, reason: string, cause?: unknown): WaggleError {
  return new WaggleError("unavailable", `Cannot load model ${modelPath}: ${reason}`, { cause });
}

export interface ErrorLines {
  add(line: string): void;
  /** llama.cpp's reason, once its log lines have arrived. They come from another thread, after the failure that they explain. */
  reason(): Promise<string | undefined>;
}

/** Collects llama.cpp's error log while a model loads: its exceptions contain no reason. */
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

/** The last line that gives a reason; lines that only repeat that loading failed are skipped. */
export function reasonIn(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const reason = /error loading model(?: \w+)?: (.+)$/.exec(line)?.[1];
    if (reason === undefined) continue;
    // Skip lines in which the loader repeats the path, which the message already contains.
    if (!reason.includes("failed to load model from")) return reason.replace(/^\w+: /, "").trim();
  }
  const detail = lines.toReversed().find((line) => !/failed to (load|read key|initialize)/i.test(line));
  return detail?.replace(/^\w+: /, "").trim();
}
