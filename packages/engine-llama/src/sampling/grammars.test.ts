import type { Token } from "@waggle/engine";
import { describe, expect, test } from "vitest";
import { createGrammars } from "./grammars.ts";

const vocabularySize = 100_000;
const endTokens = [7, 50_000];
/** The last 26 tokens are the letters "a" to "z". */
const firstLetter = vocabularySize - 26;

describe("the first grammar", () => {
  test("asks once for each token whether it ends the text, in several turns of the event loop", async () => {
    const asked = new Map<Token, number>();
    let [inTurn, mostInTurn, done] = [0, 0, false];
    const looked = (): void => {
      mostInTurn = Math.max(mostInTurn, ++inTurn);
    };
    const newTurn = (): void => {
      inTurn = 0;
      if (!done) setImmediate(newTurn);
    };
    const grammars = createGrammars({
      vocabularySize,
      tokenBytes(token) {
        looked();
        return token < firstLetter ? new Uint8Array() : Uint8Array.of(0x61 + token - firstLetter);
      },
      markOf: () => undefined,
      isEndOfGeneration(token) {
        looked();
        asked.set(token, (asked.get(token) ?? 0) + 1);
        return endTokens.includes(token);
      },
    });
    newTurn();
    await grammars.check('root ::= "a"');
    done = true;
    expect(asked.size).toBe(vocabularySize);
    expect([...asked].filter(([, times]) => times !== 1)).toEqual([]);
    expect(mostInTurn).toBeLessThan(20_000);

    const run = await grammars.begin('root ::= "a"');
    expect(endTokens.map((token) => run.allows(token))).toEqual([false, false]);
    run.accept(firstLetter);
    expect(run.candidates()).toEqual({ tokens: endTokens, areAll: true });
  });
});
