export { UnsupportedSchemaError } from "./lib/errors.ts";
export { hasExactNumbers } from "./lib/exact-numbers.ts";
export { defaultGrammarLimits, freeFormDepth, numberDigits, type GrammarLimits } from "./lib/limits.ts";
export { jsonObjectGbnf, jsonSchemaToGbnf, type JsonSchemaToGbnfOptions } from "./lib/json-grammar.ts";
