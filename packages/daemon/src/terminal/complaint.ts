// Owns the one shape in which every program says on stderr why it does not do what it was asked: its name, and a sentence.
import type { Style } from "./style.ts";

/** `waggle-worker: Cannot load model x.gguf: no such file.`, with its newline. */
export function complaint(program: string, message: string, style?: Style): string {
  const name = `${program}:`;
  return `${style === undefined ? name : style.red(name)} ${sentence(message)}\n`;
}

/** With a full stop, unless it ends itself. */
export function sentence(message: string): string {
  const text = message.trim();
  return /[.!?…][)"]?$/.test(text) ? text : `${text}.`;
}

/** What commander has against a command line, as a sentence of ours. */
export function usageProblem(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .trim();
  return sentence(text.charAt(0).toUpperCase() + text.slice(1));
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "a directory, not a file",
};

/** What the system had against a file, in plain words; of any other error its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return fileReasons[(error as NodeJS.ErrnoException).code ?? ""] ?? error.message;
}
