// Owns the notations of values: JSON, and those of programming languages and model families.

export interface Notation {
  /** Notations of the same name are the same. */
  readonly name: string;
  /** The kinds of quotes that a string may have. */
  readonly quotes: readonly [StringQuote, ...StringQuote[]];
  /** Spellings of each word; a list of fixed values uses the first. */
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
   * Letters that form an escape after a backslash, in addition to the quote, the backslash and `u` with four digits.
   * Undefined if nothing is escaped: then the text ends at the first quote.
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
