// Tokenizes the continuation of an answer whose grammar allows one only, so that its tokens can be guessed.
import type { Token } from "@waggle/engine";
import type { Continuation } from "@waggle/grammar/gbnf";

/** Number of continuations whose tokens are kept: a schema has a few. */
const keptContinuations = 64;
/** If one of these behind a text changes the text's last token, the token is not certain: it may become a longer one. */
const behind = ["a", "1"] as const;

/** @param tokenize tokenizes a text that follows other text */
export function createOnlyTokens(
  tokenize: (text: string) => readonly Token[],
): (continuation: Continuation) => readonly Token[] {
  const kept = new Map<string, readonly Token[]>();

  /** Returns the tokens that do not depend on what follows. */
  function certainTokens(text: string): readonly Token[] {
    const tokens = tokenize(text);
    const last = tokens.length - 1;
    const changes = behind.some((char) => tokenize(text + char)[last] !== tokens[last]);
    return changes ? tokens.slice(0, last) : tokens;
  }

  function tokensOf(continuation: Continuation): readonly Token[] {
    return continuation.flatMap((piece, i) => {
      if (typeof piece === "number") return [piece];
      // A marker behind a text does not change the text's tokens.
      return i < continuation.length - 1 ? tokenize(piece) : certainTokens(piece);
    });
  }

  return (continuation) => {
    if (continuation.length === 0) return [];
    const key = JSON.stringify(continuation);
    let tokens = kept.get(key);
    if (tokens === undefined) {
      if (kept.size === keptContinuations) kept.clear();
      kept.set(key, (tokens = tokensOf(continuation)));
    }
    return tokens;
  };
}
