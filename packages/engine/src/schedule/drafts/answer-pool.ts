// Keeps earlier answers, in memory only, so that later jobs of the same scope can guess tokens from them. Scopes are never mixed.
import type { Token } from "../../port/steps.ts";
import { createSuffixIndex, type Match, type SuffixIndex } from "./suffix-index.ts";

export interface AnswerPool {
  /** Number of tokens that are kept, of all scopes. */
  readonly tokens: number;
  add(scope: string, answer: readonly Token[]): void;
  /** Looks for the last tokens of `tail` in the answers of this scope. */
  find(scope: string, tail: readonly Token[]): Match | undefined;
}

/** The answers of a scope. When the newer half is full, it becomes the older half, and the older one is dropped. */
interface Halves {
  newer: SuffixIndex;
  older: SuffixIndex | undefined;
}

/** About 1.5 MB for 2^16 tokens. */
const defaultLimits = { tokens: 2 ** 18, scopeTokens: 2 ** 16 };

/** @param limits most tokens of all scopes and of one scope */
export function createAnswerPool(limits = defaultLimits): AnswerPool {
  const halfTokens = Math.floor(limits.scopeTokens / 2);
  /** The least recently used scope first. */
  const scopes = new Map<string, Halves>();
  let tokens = 0;

  function use(scope: string, halves: Halves): void {
    scopes.delete(scope);
    scopes.set(scope, halves);
  }

  function dropUnused(): void {
    for (const [scope, { newer, older }] of scopes) {
      if (tokens <= limits.tokens) return;
      scopes.delete(scope);
      tokens -= newer.length + (older?.length ?? 0);
    }
  }

  return {
    get tokens() {
      return tokens;
    },
    add(scope, answer) {
      if (answer.length === 0) return;
      const halves = scopes.get(scope) ?? { newer: createSuffixIndex(), older: undefined };
      use(scope, halves);
      // One token of room is for the separator.
      const kept = answer.slice(-(halfTokens - 1));
      if (halves.newer.length + kept.length + 1 > halfTokens) {
        tokens -= halves.older?.length ?? 0;
        halves.older = halves.newer;
        halves.newer = createSuffixIndex();
      }
      const before = halves.newer.length;
      halves.newer.separate();
      halves.newer.add(kept);
      tokens += halves.newer.length - before;
      dropUnused();
    },
    find(scope, tail) {
      const halves = scopes.get(scope);
      if (halves === undefined) return undefined;
      use(scope, halves);
      const found = halves.newer.find(tail);
      const older = halves.older?.find(tail);
      return older !== undefined && older.length > (found?.length ?? 0) ? older : found;
    },
  };
}
