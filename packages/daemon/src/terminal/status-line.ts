// Owns the status line at the bottom of a terminal, which shows progress.
import stringWidth from "string-width";
import type { Output } from "./output.ts";

export interface StatusLine {
  /** Replaces the line's text, cut to the terminal's width. Does nothing without a terminal. */
  show(text: string): void;
  /** Clears the line before other output. */
  clear(): void;
}

export function createStatusLine(output: Output): StatusLine {
  let shown = "";
  if (!output.isTerminal) return { show: () => {}, clear: () => {} };
  return {
    show(text) {
      if (text === shown) return;
      shown = text;
      output.control("\r\u001b[2K");
      output.write(output.style.dim(fit(text, output.columns() - 1)));
    },
    clear() {
      if (shown === "") return;
      shown = "";
      output.control("\r\u001b[2K");
    },
  };
}

function fit(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let cut = "";
  let width = 1;
  for (const character of text) {
    width += stringWidth(character);
    if (width > columns) break;
    cut += character;
  }
  return `${cut}…`;
}
