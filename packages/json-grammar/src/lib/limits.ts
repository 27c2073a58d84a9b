// Owns every bound of the compiler: on the work for one schema, and on what its grammar lets a model write.

/** What one schema may cost. At a limit comes an UnsupportedSchemaError, never a larger grammar. */
export interface GrammarLimits {
  /** Length of the whole grammar, which is ASCII: characters are bytes. */
  readonly grammarChars: number;
  /** Highest minItems, maxItems, minLength, maxLength and regex quantifier. */
  readonly repetitions: number;
  /** Sum over all counted repetitions: the grammar's reader makes a rule of its own for each of them. */
  readonly expandedRepetitions: number;
  /** How deep schemas may stand in each other, references followed. */
  readonly schemaDepth: number;
  /** Schemas and combinations of schemas (allOf, anyOf next to other keywords) to compile. */
  readonly schemaNodes: number;
  /** Characters of one pattern. */
  readonly patternChars: number;
  /** States of the automaton that patterns, formats and lengths of one string may need. */
  readonly patternStates: number;
  /** Steps of work on the whole schema, a fraction of a second: patterns and combinations can ask for any number. */
  readonly steps: number;
  /** Ways that a value may begin, since the reader of the grammar follows all of them at once. */
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

/** Digits of a number that its schema does not bound: a small model would write them until its tokens run out. */
export const numberDigits = { integer: 15, fraction: 15, exponent: 2 } as const;

/** How deep arrays and objects may stand in each other where the schema leaves the value free. */
export const freeFormDepth = 16;
