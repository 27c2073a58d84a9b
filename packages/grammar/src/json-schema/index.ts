export { anyChar, charSet, charsOf, complementSet, type CharRange, type CharSet } from "../rules/char-set.ts";
export { UnsupportedSchemaError } from "../rules/errors.ts";
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
} from "../rules/expression.ts";
export { createGrammarBuilder, type GrammarBuilder } from "./grammar-builder.ts";
export { jsonSchemaToGbnf } from "./json-grammar.ts";
export { defaultGrammarLimits, freeFormDepth, numberDigits, type GrammarLimits } from "../rules/limits.ts";
export { jsonNotation, jsonQuote, type Notation, type StringQuote } from "../rules/notation.ts";
export type { InnerValues, SchemaProperty, SchemaValue } from "./objects/object-members.ts";
export type { TextExceptions } from "./strings/raw-text.ts";
