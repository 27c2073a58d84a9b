// Lists the limits of the compiler: on the work for one schema, and on the texts that the grammar allows.

/** Limits for one schema. Exceeding a limit throws an UnsupportedSchemaError. */
export interface GrammarLimits {
  /** Length of the whole grammar, which is ASCII: characters are bytes. */
  readonly grammarChars: number;
  /** Highest minItems, maxItems, minLength, maxLength and regex quantifier. */
  readonly repetitions: number;
  /** Sum over all counted repetitions: the grammar's parser makes a separate rule for each of them. */
  readonly expandedRepetitions: number;
  /** Most levels of schemas within schemas, references followed. */
  readonly schemaDepth: number;
  /** Schemas and combinations of schemas (allOf, anyOf next to other keywords) to compile. */
  readonly schemaNodes: number;
  /** Characters of one pattern. */
  readonly patternChars: number;
  /** States of the automaton that patterns, formats and lengths of one string may need. */
  readonly patternStates: number;
  /** Steps of work on the whole schema, a fraction of a second: patterns and combinations could need any number. */
  readonly steps: number;
  /** Most ways in which a value may begin, since llama.cpp follows all of them at once. */
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

/** Most digits of a number that the schema does not bound. Without a limit, a small model may write digits until its tokens run out. */
export const numberDigits = { integer: 15, fraction: 15, exponent: 2 } as const;

/** Most levels of arrays and objects within each other where the schema leaves the value free. */
export const freeFormDepth = 16;
