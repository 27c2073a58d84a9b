// Defines the notations of values in calls that the readers of arguments accept.
import { type Notation, type StringQuote, jsonQuote } from "@waggle/grammar/json-schema";
import type { ValueArguments } from "../syntax.ts";

/** JSON or Python's notation: between tags, the reader accepts both notations if the value cannot be a string. */
export const looseNotation: Notation = {
  name: "loose",
  quotes: [jsonQuote, { text: "'", escapes: jsonQuote.escapes }],
  words: { true: ["true", "True"], false: ["false", "False"], null: ["null", "None"] },
  bareNames: false,
  sortedNames: false,
};

/** JSON's escapes without `\/`, which Python does not have. */
const pythonEscapes = "bfnrt";

/** The notation of a family's values. If the family's quotes have no escapes, no other quotes are allowed: they would change the text. */
export function notationOf(syntax: ValueArguments): Notation {
  const [own, ...others] = syntax.quotes.map(({ text, escapes }): StringQuote => ({
    text,
    escapes: escapes ? pythonEscapes : undefined,
  }));
  // Some templates print Python's constants although the family uses other words.
  const wordsFor = (word: "true" | "false" | "null"): readonly [string, ...string[]] => {
    const first = syntax.words[word];
    return [first, ...looseNotation.words[word].filter((other) => other !== first)];
  };
  return {
    name: JSON.stringify(syntax),
    quotes: own === undefined ? [jsonQuote] : own.escapes === undefined ? [own] : [own, ...others],
    words: { true: wordsFor("true"), false: wordsFor("false"), null: wordsFor("null") },
    bareNames: !syntax.quotedKeys,
    sortedNames: syntax.sortedNames === true,
  };
}
