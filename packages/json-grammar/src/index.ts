export { anyChar, charSet, charsOf, complementSet, type CharRange, type CharSet } from "./lib/char-set.ts";
export { UnsupportedSchemaError } from "./lib/errors.ts";
export {
  charClass,
  choice,
  empty,
  isNever,
  literal,
  never,
  oneOf,
  optional,
  repeat,
  sequence,
  type Expression,
} from "./lib/expression.ts";
export { createGrammarBuilder, type GrammarBuilder } from "./lib/grammar-builder.ts";
export { jsonObjectGbnf, jsonSchemaToGbnf, type JsonSchemaToGbnfOptions } from "./lib/json-grammar.ts";
export { defaultGrammarLimits, freeFormDepth, numberDigits, type GrammarLimits } from "./lib/limits.ts";
export { jsonNotation, jsonQuote, type Notation, type StringQuote } from "./lib/notation.ts";
export type { InnerValues, SchemaProperty, SchemaValue } from "./lib/object-members.ts";
export type { TextExceptions } from "./lib/raw-text.ts";
