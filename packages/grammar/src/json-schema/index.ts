export { charsOf } from "../rules/char-set.ts";
export { UnsupportedSchemaError } from "../rules/errors.ts";
export {
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
export { jsonTypes, type JsonType } from "./keywords.ts";
export { isRecord } from "./schema-part.ts";
export { typeOfValue } from "./types.ts";
export { defaultGrammarLimits } from "../rules/limits.ts";
export { jsonNotation, jsonQuote, type Notation, type StringQuote } from "../rules/notation.ts";
export type { TextRow } from "./strings/raw-text.ts";
export type { SchemaProperty, SchemaValue } from "./objects/object-members.ts";
