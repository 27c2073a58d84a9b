// Owns whether moving a slot's state pays: what saving and loading took against what computing takes. It knows no clock.
import { createRecentMedian } from "./recent-median.ts";

/** Worth a transfer while nobody knows what that takes, or what computing does. */
const leastTokens = 32;
/** Computing has to take so many times as long: a transfer holds up every stream, and a prompt shares its steps. */
const leastGain = 2;
const measuredTransfers = 9;

export interface Transfer {
  /** Tokens that would be computed without it. */
  readonly gained: number;
  /** Tokens of the state to be loaded. */
  readonly loaded: number;
  /** Tokens of the state that has to be saved first. */
  readonly saved?: number;
}

export interface TransferCost {
  noteSave(tokens: number, ms: number): void;
  noteLoad(tokens: number, ms: number): void;
  /** @param tokenMs what computing a prompt token takes; undefined when nobody knows yet */
  pays(transfer: Transfer, tokenMs: number | undefined): boolean;
}

export function createTransferCost(): TransferCost {
  const saveMs = createRecentMedian(measuredTransfers);
  const loadMs = createRecentMedian(measuredTransfers);
  return {
    noteSave: (tokens, ms) => saveMs.add(ms / Math.max(1, tokens)),
    noteLoad: (tokens, ms) => loadMs.add(ms / Math.max(1, tokens)),
    pays({ gained, loaded, saved = 0 }, tokenMs) {
      if (gained <= 0) return false;
      if (tokenMs === undefined || loadMs.value === undefined) return gained >= leastTokens;
      const transferMs = loaded * loadMs.value + saved * (saveMs.value ?? 0);
      return gained * tokenMs >= leastGain * transferMs;
    },
  };
}
