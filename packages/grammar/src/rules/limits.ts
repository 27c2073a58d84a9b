// Lists the limits of the compiler: on the work for one schema, and on the texts that the grammar allows.

/** Limits for one schema. Exceeding a limit throws an UnsupportedSchemaError. */
export interface GrammarLimits {
  /** Characters of the whole grammar. The grammar is ASCII, so this is also its number of bytes. */
  readonly grammarChars: number;
  /** Largest value of minItems, maxItems, minLength, maxLength, and of a quantifier in a pattern. */
  readonly repetitions: number;
  /** Sum of the counts of all repetitions, since llama.cpp makes a rule for each single repetition. */
  readonly expandedRepetitions: number;
  /** Levels of nested schemas, also through references. */
  readonly schemaDepth: number;
  /** Number of compiled schemas, including combinations of schemas (allOf, anyOf next to other keywords). */
  readonly schemaNodes: number;
  /** Characters of one pattern. */
  readonly patternChars: number;
  /** States of the automaton for the patterns, formats and length of one string. */
  readonly patternStates: number;
  /** Steps of work for the whole schema. This many steps take a fraction of a second; patterns and combinations could need any number of steps. */
  readonly steps: number;
  /** Number of ways in which a value may begin, since llama.cpp follows all of them at once; also the length of any list in a schema. */
  readonly alternatives: number;
}

export const defaultGrammarLimits: GrammarLimits = {
  grammarChars: 393_216,
  repetitions: 100_000,
  expandedRepetitions: 100_000,
  schemaDepth: 64,
  schemaNodes: 10_000,
  patternChars: 2_048,
  patternStates: 2_000,
  steps: 500_000,
  alternatives: 5_000,
};

/** Limits for the digits of a number without bounds. Without these limits, a small model may write digits until its tokens run out. */
export const numberDigits = { integer: 15, fraction: 15, exponent: 2 } as const;

/** Levels of nested arrays and objects in a value that the schema does not describe. */
export const freeFormDepth = 16;
