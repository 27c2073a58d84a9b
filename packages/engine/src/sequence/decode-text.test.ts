import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAnswerParts, type NewPieces } from "./answer-parts.ts";

const encoder = new TextEncoder();

/** The text of an answer to a plain prompt. */
function createText(stops: readonly string[]) {
  const parts = createAnswerParts(stops, undefined);
  const certain = ({ pieces, stopped }: NewPieces) => ({ text: pieces.map(({ text }) => text).join(""), stopped });
  return {
    push: (bytes: Uint8Array) => certain(parts.push(bytes, undefined)),
    end: () => certain(parts.end()),
  };
}

/** Returns the text for each piece, then the text that the end releases. */
function assemble(pieces: readonly (string | readonly number[])[], stops: readonly string[] = []): string[] {
  const answer = createText(stops);
  const texts = pieces.map((piece) =>
    answer.push(typeof piece === "string" ? encoder.encode(piece) : Uint8Array.from(piece)),
  );
  return [...texts, answer.end()].map(({ text }) => text);
}

describe("the characters of a text", () => {
  test("are sent when their last byte has come", () => {
    expect(assemble([[0xf0, 0x9f], [0x90], [0x9d, 0x21]])).toEqual(["", "", "🐝!", ""]);
  });

  test("become U+FFFD at once when their bytes are invalid", () => {
    expect(assemble([[0xff], [0xe2, 0x82], [0x41]])).toEqual(["\uFFFD", "", "\uFFFDA", ""]);
  });

  test("are left out at the end when bytes are missing", () => {
    expect(assemble(["a", [0xe2, 0x82]])).toEqual(["a", "", ""]);
  });

  test("include a byte order mark", () => {
    expect(
      assemble([
        [0xef, 0xbb],
        [0xbf, 0x41],
      ]).join(""),
    ).toBe("\uFEFFA");
  });
});

describe("stop strings", () => {
  test("end the text before their first character", () => {
    const answer = createText(["END"]);
    expect(answer.push(encoder.encode("one END two"))).toEqual({ text: "one ", stopped: true });
    expect(answer.push(encoder.encode("three"))).toEqual({ text: "", stopped: true });
    expect(answer.end()).toEqual({ text: "", stopped: true });
  });

  test("release the held-back text when the generation ends", () => {
    expect(assemble(["so EN"], ["END"])).toEqual(["so ", "EN"]);
  });

  test("end the text at the stop string that is complete first", () => {
    expect(assemble(["xabc", "d"], ["abcd", "bc"])).toEqual(["xa", "", ""]);
    expect(assemble(["xabcd"], ["abcd", "bc"])).toEqual(["xa", ""]);
  });

  test("with half a surrogate pair never match", () => {
    expect(assemble(["🐝"], ["\udc1d", "\ud83d"]).join("")).toBe("🐝");
  });
});

describe("for random bytes, stop strings and borders between tokens", () => {
  const alphabet = ["a", "b", "é", "蜂", "🐝", "\uFFFD"];
  const chunk = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...alphabet).map((text) => [...encoder.encode(text)]) },
    { weight: 1, arbitrary: fc.array(fc.nat(255), { maxLength: 3 }) },
  );
  const bytes = fc.array(chunk, { maxLength: 40 }).map((chunks) => chunks.flat());
  const stops = fc.array(fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 4 }), {
    maxLength: 4,
  });
  const cuts = fc.array(fc.nat(60), { maxLength: 30 });

  function split(all: readonly number[], at: readonly number[]): number[][] {
    const borders = [0, ...at.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
    return borders.slice(1).map((border, i) => all.slice(borders[i], border));
  }

  /** Returns the text up to the stop string that is complete first: a slow reference. */
  function upToStop(text: string, stopStrings: readonly string[]): string {
    for (let end = 1; end <= text.length; end++) {
      const ending = stopStrings.filter((stop) => text.slice(0, end).endsWith(stop));
      if (ending.length > 0) return text.slice(0, end - Math.max(...ending.map((stop) => stop.length)));
    }
    return text;
  }

  test("the pieces together are the decoded text up to the first stop string", () => {
    fc.assert(
      fc.property(bytes, stops, cuts, (all, stopStrings, at) => {
        const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(all), { stream: true });
        expect(assemble(split(all, at), stopStrings).join("")).toBe(upToStop(whole, stopStrings));
      }),
    );
  });

  test("no piece has half a surrogate pair", () => {
    fc.assert(
      fc.property(bytes, stops, cuts, (all, stopStrings, at) => {
        for (const piece of assemble(split(all, at), stopStrings)) expect(piece).not.toMatch(/\p{Surrogate}/u);
      }),
    );
  });

  test("the held-back text is the longest end of the text that a stop string begins with", () => {
    fc.assert(
      fc.property(bytes, stops, cuts, (all, stopStrings, at) => {
        const answer = createText(stopStrings);
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        let decoded = "";
        let shown = "";
        for (const piece of split(all, at)) {
          const { text, stopped } = answer.push(Uint8Array.from(piece));
          if (stopped) return;
          shown += text;
          decoded += decoder.decode(Uint8Array.from(piece), { stream: true });
          expect(shown).toBe(decoded.slice(0, decoded.length - longestBeginning(decoded, stopStrings)));
        }
      }),
    );
  });

  function longestBeginning(text: string, stopStrings: readonly string[]): number {
    const lengths = stopStrings.flatMap((stop) => [...stop].map((_, i) => [...stop].slice(0, i).join("")));
    return Math.max(0, ...lengths.filter((beginning) => text.endsWith(beginning)).map(({ length }) => length));
  }
});
