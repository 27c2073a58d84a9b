// Finds the token sequences that contain DRY's breakers. A breaker is a text that may begin in the middle of a token and end in a later token.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Token } from "@waggle/engine";
import { mostTailTokens, type DryBreakers } from "./dry.ts";
import { tokensPerTurn } from "@waggle/grammar/gbnf";

export interface DryBreakerOptions {
  /** Texts of all tokens in the file: a breaker may also be the text of a token without bytes, such as a control token. */
  readonly pieces: readonly string[];
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** Whether the tokenizer puts a space before a text. If so, the first space of a token matches no breaker, as in llama.cpp. */
  readonly addsSpace: boolean;
  /** Tokenizes without BOS and control tokens. */
  readonly tokenize: (text: string) => Promise<readonly Token[]> | readonly Token[];
}

/** Longer breakers are cut, as in llama.cpp. */
const mostBytes = 40;
/** Number of cached results. Most jobs have the default breakers. */
const keptSets = 4;
const space = 0x20;
const encoder = new TextEncoder();

/** @returns a search through the whole vocabulary, in several turns of the event loop, with a cache of the last results */
export function createDryBreakers(options: DryBreakerOptions): (texts: readonly string[]) => Promise<DryBreakers> {
  const kept = new Map<string, Promise<DryBreakers>>();
  return async (texts) => {
    const key = JSON.stringify(texts);
    const found = kept.get(key) ?? findBreakers(texts, options);
    kept.delete(key);
    kept.set(key, found);
    for (const oldest of kept.keys()) {
      if (kept.size <= keptSets) break;
      kept.delete(oldest);
    }
    return await found;
  };
}

async function findBreakers(
  texts: readonly string[],
  { pieces, tokenBytes, addsSpace, tokenize }: DryBreakerOptions,
): Promise<DryBreakers> {
  const beginningWith = byFirstByte(texts.filter((text) => text !== ""));
  const tails = new Map<string, readonly Token[]>([["", []]]);
  const found = new Map<Token, (readonly Token[])[]>();

  async function tailOf(rest: string): Promise<readonly Token[]> {
    const tail = (await tokenize(rest)).slice(0, mostTailTokens);
    tails.set(rest, tail);
    return tail;
  }

  for (const [token, piece] of pieces.entries()) {
    if (token % tokensPerTurn === tokensPerTurn - 1) await nextTurn();
    const added = tokenBytes(token);
    const bytes = added.length > 0 ? added : encoder.encode(piece);
    for (let at = addsSpace && bytes[0] === space ? 1 : 0; at < bytes.length; at++) {
      for (const breaker of beginningWith[bytes[at] ?? 0] ?? []) {
        const matched = matchedBytes(at, bytes, breaker);
        if (matched === 0) continue;
        // A rest that begins in the middle of a character matches no tokens.
        const rest = matched === breaker.length ? "" : breaker.toString("utf8", matched);
        const tail = tails.get(rest) ?? (await tailOf(rest));
        const own = found.get(token);
        if (own === undefined) found.set(token, [tail]);
        else if (!own.includes(tail)) own.push(tail);
      }
    }
  }
  return found;
}

/** Cuts the breakers to `mostBytes`, and groups them by their first byte, which most tokens do not contain. */
function byFirstByte(texts: readonly string[]): readonly (readonly Buffer[] | undefined)[] {
  const grouped: Buffer[][] = [];
  for (const text of texts) {
    const breaker = Buffer.from(text).subarray(0, mostBytes);
    (grouped[breaker[0] ?? 0] ??= []).push(breaker);
  }
  return grouped;
}

/**
 * Number of the breaker's bytes in the token from `at` on: the whole breaker, or its beginning up to the token's end. 0 if the bytes differ, or if
 * only a beginning fits while the whole breaker is elsewhere in the token.
 */
function matchedBytes(at: number, bytes: Uint8Array, breaker: Buffer): number {
  const length = Math.min(breaker.length, bytes.length - at);
  for (let i = 1; i < length; i++) if (bytes[at + i] !== breaker[i]) return 0;
  return length < breaker.length && Buffer.from(bytes).includes(breaker) ? 0 : length;
}
