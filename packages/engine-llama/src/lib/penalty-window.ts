// Owns the tokens that the repetition penalties look back on: the prompt's last ones, then the sampled ones.
import type { Token } from "@waggle/engine";

export interface PenaltyWindow {
  push(tokens: readonly Token[]): void;
  /** Oldest first. */
  readonly tokens: Token[];
}

export function createPenaltyWindow(size: number): PenaltyWindow {
  const tokens: Token[] = [];
  return {
    push(added) {
      tokens.push(...added.slice(-size));
      if (tokens.length > size) tokens.splice(0, tokens.length - size);
    },
    tokens,
  };
}
