// Owns the text that a template, or a part of one, has written so far.
import type { Budget } from "../budget.ts";

export interface Output {
  write(text: string): void;
  text(): string;
}

export function createOutput(budget: Budget): Output {
  const grow = budget.growingText();
  let written = "";
  return {
    write(text) {
      grow(text.length);
      written += text;
    },
    text: () => written,
  };
}
