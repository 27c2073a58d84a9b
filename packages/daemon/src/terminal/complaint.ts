// Owns the form of error lines on stderr in every program: the program's name, then a sentence.
import { printable } from "./printable.ts";
import type { Style } from "./style.ts";

/** Formats an error as a line: `waggle-worker: Cannot load model x.gguf: no such file.` with a newline. */
export function complaint(program: string, message: string, style?: Style): string {
  const name = `${program}:`;
  return `${style === undefined ? name : style.red(name)} ${sentence(printable(message))}\n`;
}

/** Adds a full stop to a message that has none. */
export function sentence(message: string): string {
  const text = message.trim();
  return /[.!?…][)"]?$/.test(text) ? text : `${text}.`;
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "a directory, not a file",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "the disk is full",
  EROFS: "its file system is read-only",
};

/** Describes a file system error in plain words. For other errors, returns the message. */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return fileReasons[(error as NodeJS.ErrnoException).code ?? ""] ?? error.message;
}
