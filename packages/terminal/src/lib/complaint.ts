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
