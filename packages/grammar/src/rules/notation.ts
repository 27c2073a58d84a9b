// Describes how values are written: as JSON, or in the notation of a programming language or model family.

export interface Notation {
  /** Notations with the same name must be equal. */
  readonly name: string;
  /** The kinds of quotes that a string may have. */
  readonly quotes: readonly [StringQuote, ...StringQuote[]];
  /** Spellings of each word, the preferred spelling first. */
  readonly words: Readonly<Record<"true" | "false" | "null", readonly [string, ...string[]]>>;
  /** Whether member names that contain no white space and no punctuation of the notation are written without quotes. */
  readonly bareNames: boolean;
  /** Whether members may be sorted by name instead of in the declared order. */
  readonly sortedNames: boolean;
}

export interface StringQuote {
  /** The quote, before and after the string's text. */
  readonly text: string;
  /**
   * Letters that form an escape after a backslash, in addition to the quote, the backslash and `u` with four digits.
   * Undefined if the notation has no escapes: the text then ends at the first quote.
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
