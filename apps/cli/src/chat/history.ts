// Keeps the history of typed messages in a file of JSON lines, of limited size, which only its owner can read.
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export const maxEntries = 1_000;
const maxBytes = 1_048_576;
/** A longer message is not kept: it was probably pasted rather than typed. */
const maxEntryChars = 16_384;

export interface ChatHistory {
  /** Oldest first. */
  readonly entries: readonly string[];
  /** Never throws: a chat continues when its history cannot be written. */
  add(message: string): void;
}

export function createHistory(path: string | undefined): ChatHistory {
  const entries = path === undefined ? [] : load(path);
  return {
    entries,
    add(message) {
      if (message.length > maxEntryChars || entries.at(-1) === message) return;
      entries.push(message);
      if (entries.length > maxEntries) entries.shift();
      if (path !== undefined) append(path, message);
    },
  };
}

function load(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const lines = text.split("\n").filter((line) => line !== "");
  const entries = lines.flatMap(parseEntry).slice(-maxEntries);
  if (text.length > maxBytes || lines.length > 2 * maxEntries) rewrite(path, entries);
  return entries;
}

function parseEntry(line: string): string[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "string" ? [value] : [];
  } catch {
    // The line was cut off, or another program wrote it.
    return [];
  }
}

function append(path: string, message: string): void {
  quietly(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // One write per line, so that two chats at the same time do not mix their lines.
    appendFileSync(path, `${JSON.stringify(message)}\n`, { mode: 0o600 });
  });
}

/** Keeps the newest entries that fit into half of the limit. */
function rewrite(path: string, entries: readonly string[]): void {
  const kept: string[] = [];
  let bytes = 0;
  for (const entry of entries.toReversed()) {
    const line = `${JSON.stringify(entry)}\n`;
    bytes += line.length;
    if (bytes > maxBytes / 2) break;
    kept.unshift(line);
  }
  quietly(() => {
    const next = `${path}.${process.pid}`;
    writeFileSync(next, kept.join(""), { mode: 0o600 });
    renameSync(next, path);
  });
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // `waggle doctor` reports a folder that cannot be written.
  }
}
