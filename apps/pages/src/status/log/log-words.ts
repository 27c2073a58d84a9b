// Owns the filter of log lines, and the text of a line's fields. Pure.
import type { LogLine } from "@waggle/protocol";

export const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** Whether a line passes the filter. @param words in lower case; empty to accept every line */
export function isWanted(line: LogLine, least: LogLine["level"], words: string): boolean {
  if (levels.indexOf(line.level) < levels.indexOf(least)) return false;
  return words === "" || `${line.level} ${line.message} ${fieldWords(line.fields)}`.toLowerCase().includes(words);
}

/** The fields as `key=value`, without null fields. */
export function fieldWords(fields: LogLine["fields"]): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
