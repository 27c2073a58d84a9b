// Owns the notations that values can be written in: JSON, and what programming languages and model families make of it.

export interface Notation {
  /** Notations of the same name are the same. */
  readonly name: string;
  /** The quotes of strings, one kind or the other. */
  readonly quotes: readonly [StringQuote, ...StringQuote[]];
  /** How each word is written; the first is what a list of fixed values holds. */
  readonly words: Readonly<Record<"true" | "false" | "null", readonly [string, ...string[]]>>;
  /** Names of members have no quotes where they contain neither white space nor punctuation of the notation. */
  readonly bareNames: boolean;
  /** Members may be sorted by name, or come in the declared order. */
  readonly sortedNames: boolean;
}

export interface StringQuote {
  /** The quote, before and after the string's text. */
  readonly text: string;
  /**
   * Letters that stand for a character behind a backslash, beside the quote, the backslash and `u` with four digits.
   * Undefined: nothing is escaped, and the text ends where the quote is found.
   */
  readonly escapes: string | undefined;
}

export const jsonQuote: StringQuote = { text: '"', escapes: "/bfnrt" };

export const jsonNotation: Notation = {
  name: "json",
  quotes: [jsonQuote],
  words: { true: ["true"], false: ["false"], null: ["null"] },
  bareNames: false,
  sortedNames: false,
};
