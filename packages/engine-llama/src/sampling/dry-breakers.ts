// Finds the tokens of DRY's breakers: a breaker is a text that may begin in the middle of a token and end in a later one.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Token } from "@waggle/engine";
import { mostTailTokens, type DryBreakers } from "./dry.ts";
import { tokensPerTurn } from "@waggle/grammar/gbnf";

export interface DryBreakerOptions {
  /** The vocabulary's pieces as in the file: a breaker may also name a token that adds no text. */
  readonly pieces: readonly string[];
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** True when the tokenizer puts a space before a text. llama.cpp skips the first space of each token, so no breaker matches it there. */
  readonly addsSpace: boolean;
  /** Tokenizes without a token for the text's beginning, and never to control tokens. */
  readonly tokenize: (text: string) => Promise<readonly Token[]> | readonly Token[];
}

/** Most bytes of a breaker's text, as in llama.cpp. */
const mostBytes = 40;
/** Number of kept results; most jobs have the default breakers. */
const keptSets = 4;
const space = 0x20;
const encoder = new TextEncoder();

/** @returns the search for breakers: it goes through the whole vocabulary, in several turns of the event loop, and keeps the last few results */
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
        // A cut in the middle of a character leaves bytes that are in no text and have no tokens.
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

/** Groups the breakers by their first byte, cut to `mostBytes`; most tokens contain no first byte of a breaker. */
function byFirstByte(texts: readonly string[]): readonly (readonly Buffer[] | undefined)[] {
  const grouped: Buffer[][] = [];
  for (const text of texts) {
    const breaker = Buffer.from(text).subarray(0, mostBytes);
    (grouped[breaker[0] ?? 0] ??= []).push(breaker);
  }
  return grouped;
}

/** Number of the breaker's bytes at this position, all of them or up to the token's end; 0 where the token contains the whole breaker elsewhere. */
function matchedBytes(at: number, bytes: Uint8Array, breaker: Buffer): number {
  const length = Math.min(breaker.length, bytes.length - at);
  for (let i = 1; i < length; i++) if (bytes[at + i] !== breaker[i]) return 0;
  return length < breaker.length && Buffer.from(bytes).includes(breaker) ? 0 : length;
}
